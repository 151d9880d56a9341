"""Puts what an embedder does to its crops in front of its network, so that bytes travel to the GPU, not floats."""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from engine.runtimes.crops import CROPS, CropInput


def takes_crops(model: ModelProto, crops: CropInput) -> ModelProto:
    """Returns a network that takes `crops` (N, H, W, 3) uint8 BGR in place of its one input, (N, 3, H, W) float32.

    Args:
        model: a network with one input.
        crops: what is done to them.
    """
    whole = ModelProto()
    whole.CopyFrom(model)
    graph = whole.graph
    [given] = graph.input
    batch, channels, height, width = given.type.tensor_type.shape.dim
    constants = {
        f"{CROPS}.mean": np.float32(crops.mean),
        f"{CROPS}.scale": np.float32(1 / crops.std),
        f"{CROPS}.order": np.array([2, 1, 0] if crops.swap else [0, 1, 2]),
    }
    nodes = [
        helper.make_node("Cast", [CROPS], [f"{CROPS}.float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", [f"{CROPS}.float", f"{CROPS}.mean"], [f"{CROPS}.centred"]),
        helper.make_node("Mul", [f"{CROPS}.centred", f"{CROPS}.scale"], [f"{CROPS}.scaled"]),
        helper.make_node("Transpose", [f"{CROPS}.scaled"], [f"{CROPS}.planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", [f"{CROPS}.planes", f"{CROPS}.order"], [given.name], axis=1),
    ]
    port = helper.make_tensor_value_info(
        CROPS, TensorProto.UINT8, [batch.dim_param or "batch", height.dim_value, width.dim_value, channels.dim_value]
    )
    kept = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.input.append(port)
    graph.node.extend(nodes + kept)
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    return whole
