"""The networks that can be distilled, by name: version and size; `plain` ones are the twins without deconvolution."""

from collections.abc import Callable
from functools import partial

from torch import nn

from training.networks.deconv import DeconvEmbedder
from training.networks.plain import PlainEmbedder
from training.networks.unpool import UnpoolEmbedder

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "deconv_v0": DeconvEmbedder,
    "deconv_v0_xs": partial(DeconvEmbedder, widths=(32, 56, 112)),
    "unpool_v0": UnpoolEmbedder,
    "plain_v0": PlainEmbedder,
    "plain_v0_xs": partial(PlainEmbedder, widths=(32, 56, 112)),
}
