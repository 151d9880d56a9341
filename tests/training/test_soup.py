import pytest
import torch

from training.recipe import TrainingError
from training.soup import mix


def checkpoint(network: str, *values: float) -> dict[str, object]:
    weights = {"weight": torch.tensor(values).half(), "seen": torch.tensor(int(values[0]))}
    return {"recipe": {"network": network}, "seen": int(values[0]), "history": [], "weights": weights}


def test_mean_lies_between_its_two_and_stands_where_the_second_does() -> None:
    mixed = mix(checkpoint("a", 0, 4), checkpoint("a", 8, 8), 0.75)
    assert mixed["weights"]["weight"].tolist() == [6, 7]
    assert mixed["weights"]["weight"].dtype == torch.float16
    assert (mixed["weights"]["seen"], mixed["seen"]) == (8, 8)


def test_two_networks_have_no_mean() -> None:
    with pytest.raises(TrainingError, match="a and b: have other weights"):
        mix(checkpoint("a", 1, 2), checkpoint("b", 1), 0.5)
