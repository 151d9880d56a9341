"""Simulated cameras and clips; fixtures for every test (tests/conftest.py names them as plugins)."""
