from typing import Any

import pytest
import torch

from training.networks import NETWORKS
from training.networks.blocks import Bottleneck
from training.prune import choose_channels, prune, prune_bottleneck
from training.recipe import TrainingError


def lively(module: Any) -> Any:
    """With batch norms that do something, as after training."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            torch.nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2)
            torch.nn.init.uniform_(layer.weight, 0.5, 2)
    return module.eval()


def test_channels_that_explain_what_is_given_are_found() -> None:
    torch.manual_seed(1)
    hidden = torch.randn(500, 12, dtype=torch.float64) + 3
    given = hidden[:, [2, 7, 9]] @ torch.randn(3, 5, dtype=torch.float64)
    assert choose_channels(hidden, given, 3).tolist() == [2, 7, 9]


def test_a_channel_that_says_the_same_as_another_is_taken_last() -> None:
    torch.manual_seed(1)
    hidden = torch.randn(500, 4, dtype=torch.float64)
    hidden[:, 1] = 2 * hidden[:, 0]
    assert len({0, 1} & set(choose_channels(hidden, hidden.clone(), 3).tolist())) == 1
    assert choose_channels(hidden, hidden.clone(), 4).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("outputs", "stride"), [(8, 1), (12, 2)])
def test_a_bottleneck_whose_other_channels_are_silent_loses_nothing(outputs: int, stride: int) -> None:
    torch.manual_seed(1)
    large, small = (lively(Bottleneck(8, hidden, outputs, stride)) for hidden in (24, 6))
    with torch.no_grad():
        large.body[6].weight[:, 6:] = 0
    x = torch.randn(4, 8, 10, 10)
    assert prune_bottleneck(large, small, x) < 1e-4
    with torch.no_grad():
        assert torch.allclose(small(x), large(x), atol=2e-2 * float(large(x).std()))


def test_fewer_channels_explain_more_than_the_first_ones_that_come() -> None:
    torch.manual_seed(1)
    large, small = (lively(Bottleneck(8, hidden, 8)) for hidden in (24, 8))
    x = torch.randn(4, 8, 10, 10)
    missed = prune_bottleneck(large, small, x)
    with torch.no_grad():
        hidden = large.body[:6](x).transpose(0, 1).flatten(1).T[:, :8]
        given = large.body(x).transpose(0, 1).flatten(1).T
        told = hidden @ torch.linalg.lstsq(hidden, given - given.mean(0)).solution
        naive = float((given - given.mean(0) - told).square().sum() / (given - given.mean(0)).square().sum())
    assert missed < naive


def test_a_network_is_filled_from_a_larger_one_and_what_fits_is_copied() -> None:
    large, small = (lively(NETWORKS[name]()) for name in ("trunk_v2", "trunk_v2_xs"))
    missed = prune(large, small, torch.randn(4, 3, 112, 112))
    assert len(missed) == 14
    assert max(missed) < 1
    assert torch.equal(small.project.weight, large.project.weight)


def test_nothing_is_made_wider() -> None:
    with pytest.raises(TrainingError, match="is wider than the one given"):
        prune(NETWORKS["trunk_v2_xs"](), NETWORKS["trunk_v2"](), torch.randn(2, 3, 112, 112))
