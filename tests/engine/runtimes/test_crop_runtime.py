import numpy as np
import pytest

from engine.runtimes.crops import CROPS, CropInput, CropRuntime


class Echo:
    name, input_names = "echo", ("faces",)

    def run(self, inputs):
        return {"faces": inputs["faces"].copy()}


@pytest.mark.parametrize(("swap", "channels"), [(True, [2, 1, 0]), (False, [0, 1, 2])])
def test_the_network_gets_what_its_manifest_says(swap, channels):
    crops = np.random.default_rng(1).integers(0, 256, (2, 4, 5, 3), np.uint8)
    runtime = CropRuntime(Echo(), CropInput(100, 50, swap))
    given = runtime.run({CROPS: crops})["faces"]
    wanted = (crops[..., channels].astype(np.float32) - 100) / 50
    assert given.dtype == np.float32
    assert np.allclose(given, wanted.transpose(0, 3, 1, 2), atol=1e-6)


def test_batches_of_any_size_follow_each_other():
    runtime = CropRuntime(Echo(), CropInput(0, 1, False))
    for rows, side in ((3, 4), (1, 4), (8, 4), (0, 4), (2, 6)):
        crops = np.full((rows, side, side, 3), rows, np.uint8)
        given = runtime.run({CROPS: crops})["faces"]
        assert given.shape == (rows, 3, side, side)
        assert (given == rows).all()


def test_it_bears_the_name_of_what_computes():
    assert CropRuntime(Echo(), CropInput(0, 1, False)).name == "echo"
