import numpy as np
import pytest

from engine.errors import PlanError
from engine.runtimes.tensorrt.acceptance import LEAST_COSINE, accept


class Linear:
    """Multiplies pictures by a matrix."""

    name, input_names = "linear", ("crops",)

    def __init__(self, noise=0.0, broken_from=None):
        self.noise, self.broken_from = noise, broken_from
        self.batches = []

    def run(self, inputs):
        x = inputs["crops"] / np.float32(255)
        self.batches.append(len(x))
        weights = np.random.default_rng(1).standard_normal((x[0].size, 16)).astype(np.float32)
        out = x.reshape(len(x), -1) @ weights
        out += self.noise * np.linalg.norm(out, axis=1, keepdims=True) * np.eye(16, dtype=np.float32)[3]
        if self.broken_from is not None:
            out[self.broken_from :] = np.nan
        return {"y": out}


CROP = (16, 16, 3)


def test_equal_outputs_are_accepted():
    assert accept(Linear(), Linear(), CROP, (1, 8)) == pytest.approx(1, abs=1e-5)


def test_a_little_rounding_is_accepted():
    assert LEAST_COSINE < accept(Linear(noise=0.01), Linear(), CROP, (1, 8)) < 1


def test_other_outputs_are_refused():
    with pytest.raises(PlanError, match="not those of the processor"):
        accept(Linear(noise=0.2), Linear(), CROP, (1, 8))


def test_one_row_that_is_no_number_is_refused():
    with pytest.raises(PlanError):
        accept(Linear(broken_from=7), Linear(), CROP, (1, 8))


def test_every_profile_and_one_batch_between_is_tried():
    candidate = Linear()
    accept(candidate, Linear(), CROP, (1, 8, 32))
    assert candidate.batches == [1, 8, 32, 33]
