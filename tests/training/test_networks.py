import pytest
import torch

from training.export import Exported
from training.losses import feature_loss, relation_loss, restoration_loss
from training.networks import NETWORKS
from training.networks.blocks import MaxUnpool, deconv
from training.networks.cost import macs
from training.networks.paths import DeconvPath, PlainPath, UnpoolPath
from training.networks.seed import SeedNetwork
from training.onnx_graph import fuse_batch_norms


@pytest.fixture(params=sorted(NETWORKS))
def network(request):
    torch.manual_seed(0)
    return NETWORKS[request.param]()


@pytest.mark.parametrize(("name", "largest"), [("", 300e6), ("_xs", 100e6)])
def test_sizes_are_kept(name, largest):
    assert macs(NETWORKS[f"deconv_v2{name}"]()) <= largest


def test_stages_end_where_the_teachers_do(network):
    x, shapes = torch.randn(1, 3, 112, 112), []
    for stage in network.stages:
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [*[(64, 28, 28)] * 5, *[(128, 14, 14)] * 7, *[(128, 7, 7)] * 3]


@pytest.mark.parametrize("path", [PlainPath, DeconvPath, UnpoolPath])
def test_a_path_begins_as_the_identity(path):
    x = torch.randn(2, 64, 28, 28)
    assert torch.equal(path(64)(x), x)


def test_embeddings_are_unit_vectors_and_the_face_is_restored_in_full_size(network):
    faces = torch.randn(2, 3, 112, 112)
    embeddings, mended = network(faces)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2), atol=1e-5)
    if network.restore is not None:
        assert network.restore(mended).shape == faces.shape


def test_every_weight_learns(network):
    for name, weight in network.named_parameters():
        if name.startswith("path.") and not weight.any():
            torch.nn.init.ones_(weight)  # what begins silent lets nothing before it learn
    embeddings, mended = network(torch.randn(4, 3, 112, 112))
    restored = network.restore(mended).square().mean() if network.restore is not None else 0
    (embeddings[:, 0].sum() + restored).backward()
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


@pytest.mark.parametrize("twin", ["plain_v2", "unpool_v2"])
def test_twins_cost_the_same(twin):
    assert macs(NETWORKS[twin]()) == pytest.approx(macs(NETWORKS["deconv_v2"]()), rel=0.02)


def test_costs_are_counted_as_by_hand():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 2, 1), torch.nn.ConvTranspose2d(4, 2, 4, 2, 1))
    assert macs(network, side_px=8) == 4 * 4 * (4 * 3 * 3 * 3) + 4 * 4 * (4 * 2 * 4 * 4)


def test_unpooling_puts_each_value_where_its_maximum_was():
    unpooled = torch.tensor([[[[1.0, 9.0], [2.0, 3.0]]]])
    pooled = torch.nn.functional.max_pool2d(unpooled, 2)
    returned = MaxUnpool()(torch.tensor([[[[5.0]]]]), unpooled, pooled)
    assert torch.equal(returned, torch.tensor([[[[0.0, 5.0], [0.0, 0.0]]]]))


def test_unpooling_agrees_with_torch_where_no_maximum_is_tied():
    unpooled = torch.randn(2, 3, 8, 6)
    pooled, places = torch.nn.functional.max_pool2d(unpooled, 2, return_indices=True)
    x = torch.randn_like(pooled)
    expected = torch.nn.functional.max_unpool2d(x, places, 2)
    assert torch.allclose(MaxUnpool()(x, unpooled, pooled), expected)


def test_unpooling_shares_a_value_among_tied_maxima():
    unpooled = torch.zeros(1, 1, 2, 2)  # as after a ReLU that let nothing through
    returned = MaxUnpool()(torch.tensor([[[[8.0]]]]), unpooled, torch.zeros(1, 1, 1, 1))
    assert torch.equal(returned, torch.full((1, 1, 2, 2), 2.0))


def test_the_seed_is_the_articles_network():
    network = SeedNetwork()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 253, 253)
    assert sum(p.numel() for p in network.parameters()) == (3 * 16 * 16 + 16) + (16 * 32 * 16 + 32) + (32 * 16 + 1)
    assert SeedNetwork(classes=7)(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def unit(count: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(count, 16), dim=1)


def test_relations_are_right_where_the_embedding_is_its_target_and_wrong_elsewhere():
    targets, others = unit(8), unit(32)
    assert relation_loss(targets, targets, others, 1 / 16) == pytest.approx(0, abs=1e-5)
    near = torch.nn.functional.normalize(targets + 0.1 * unit(8), dim=1)
    losses = [relation_loss(e, targets, others, 1 / 16).item() for e in (near, targets.roll(1, 0))]
    assert 0 < losses[0] < losses[1]


def test_relations_see_a_confusion_with_another_face():
    """Two embeddings as far from their target; one has moved towards somebody else."""
    target, somebody, nobody = torch.eye(16)[:3]
    towards = [torch.nn.functional.normalize(target + 0.5 * other, dim=0) for other in (somebody, nobody)]
    confused, harmless = (relation_loss(e[None], target[None], somebody[None], 1 / 4) for e in towards)
    assert confused > harmless


def test_features_are_compared_channel_by_channel():
    targets = torch.randn(4, 2, 8, 8) * torch.tensor([3.0, 10.0])[:, None, None]
    assert feature_loss(targets, targets) == 0
    means = targets.mean((0, 2, 3), keepdim=True).expand_as(targets)
    # Who knows nothing but the means misses all of the variance, whatever the channels' sizes.
    assert feature_loss(means, targets) == pytest.approx(1, abs=0.05)
    half = torch.cat([targets[:, :1], means[:, 1:]], 1)
    assert feature_loss(half, targets) == pytest.approx(0.5, abs=0.05)


def test_restoration_sees_a_lost_edge_that_the_mean_does_not():
    sharp = torch.zeros(1, 3, 8, 8)
    sharp[..., 4:] = 1
    flat = torch.full_like(sharp, 0.5)
    inverted = 1 - sharp
    assert restoration_loss(sharp, sharp) == 0
    assert restoration_loss(flat, sharp) < restoration_loss(inverted, sharp)
