"""TensorRT: networks compiled for one NVIDIA GPU.

Importing this package imports neither TensorRT nor CUDA: `states.py` says first whether they can be used here.
"""
