"""Every network that ships must compile with TensorRT; TensorRT-RTX does that without a GPU."""

import pytest

from engine.manifests import SHIPPED, find_model

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx has no wheel for this machine")

SHIPPED_NETWORKS = sorted(path.stem for path in SHIPPED.glob("*.onnx"))


class Messages(trt.ILogger):
    """Keeps what TensorRT says: its failures are None and a line of log, not exceptions."""

    def __init__(self):
        super().__init__()
        self.errors = []

    def log(self, severity, message):
        if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
            self.errors.append(message)


def test_there_is_a_shipped_network():
    assert SHIPPED_NETWORKS


@pytest.mark.parametrize("name", SHIPPED_NETWORKS)
def test_tensorrt_compiles_a_shipped_network_for_every_batch_size(name):
    messages = Messages()
    builder = trt.Builder(messages)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, messages)
    assert parser.parse(find_model(name).verified_path().read_bytes()), messages.errors
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        smallest, usual, largest = ((n, *tuple(tensor.shape)[1:]) for n in (1, 8, 128))
        profile.set_shape(tensor.name, smallest, usual, largest)
    config.add_optimization_profile(profile)
    assert builder.build_serialized_network(network, config) is not None, messages.errors
