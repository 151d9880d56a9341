import pytest
import torch

from training.distill import Recipe, contrast_loss, learning_rate, restoration_loss
from training.export import Exported, fuse_batch_norms
from training.networks import NETWORKS
from training.networks.deconv import deconv


@pytest.fixture(params=sorted(NETWORKS))
def network(request):
    torch.manual_seed(0)
    return NETWORKS[request.param]()


def test_embeddings_are_unit_vectors_and_the_face_is_restored_in_full_size(network):
    faces = torch.randn(2, 3, 112, 112)
    embeddings, features = network(faces)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2), atol=1e-5)
    assert network.restore(features).shape == faces.shape


def test_every_weight_learns(network):
    embeddings, features = network(torch.randn(4, 3, 112, 112))
    (embeddings[:, 0].sum() + network.restore(features).square().mean()).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_folding_batch_norms_changes_no_embedding(network):
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
    network.eval()
    faces = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        before = Exported(network)(faces)
        fuse_batch_norms(network)
        assert torch.allclose(Exported(network)(faces), before, atol=1e-4)


def transposed_convolution_by_loops(x: torch.Tensor, weight: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
    """Every input pixel stamps the kernel, weighted, into the output; `padding` is cut off its edges."""
    inputs, height, width = x.shape
    outputs, kernel = weight.shape[1], weight.shape[2]
    full = torch.zeros(outputs, (height - 1) * stride + kernel, (width - 1) * stride + kernel)
    for i in range(height):
        for j in range(width):
            for c in range(inputs):
                full[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel] += x[c, i, j] * weight[c]
    return full[:, padding : full.shape[1] - padding, padding : full.shape[2] - padding]


def test_the_deconvolution_doubles_the_side_and_follows_the_formula():
    layer = deconv(3, 2)[0]
    x = torch.randn(3, 5, 4)
    expected = transposed_convolution_by_loops(x, layer.weight.detach(), stride=2, padding=1)
    assert expected.shape == (2, 10, 8)
    assert torch.allclose(layer(x[None])[0], expected, atol=1e-5)


def test_contrast_is_lowest_for_the_own_target():
    targets = torch.nn.functional.normalize(torch.randn(8, 16), dim=1)
    negatives = torch.nn.functional.normalize(torch.randn(32, 16), dim=1)
    right = contrast_loss(targets, targets, negatives, 1 / 16)
    wrong = contrast_loss(targets.roll(1, 0), targets, negatives, 1 / 16)
    assert right < 0.2 < wrong


def test_a_negative_that_is_the_own_target_does_not_count():
    target = torch.nn.functional.normalize(torch.randn(1, 16), dim=1)
    assert contrast_loss(target, target, target, 1 / 16) == 0
    assert contrast_loss(target, target, target.roll(1, 1), 1 / 16) > 0


def test_restoration_sees_a_lost_edge_that_the_mean_does_not():
    sharp = torch.zeros(1, 3, 8, 8)
    sharp[..., 4:] = 1
    flat = torch.full_like(sharp, 0.5)
    inverted = 1 - sharp
    assert restoration_loss(sharp, sharp) == 0
    assert restoration_loss(flat, sharp) < restoration_loss(inverted, sharp)


def test_the_learning_rate_rises_then_falls_to_almost_nothing():
    recipe = Recipe("deconv_v0", minutes=1)
    rates = [learning_rate(recipe, p) for p in (0.0, recipe.warm_up, 0.5, 1.0)]
    assert rates[0] == 0
    assert rates[1] == pytest.approx(recipe.learning_rate, rel=0.01)
    assert rates[1] > rates[2] > rates[3] > 0
    assert rates[3] == pytest.approx(recipe.learning_rate / 1000)
