"""The networks that can be distilled, by name: version and size; `plain` ones are the twins without deconvolution."""

from collections.abc import Callable
from functools import partial

from torch import nn

from training.networks.embedder import Embedder
from training.networks.fronts import DeconvFront, PlainFront, UnpoolFront

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "deconv_v1": partial(Embedder, DeconvFront),
    "deconv_v1_xs": partial(Embedder, partial(DeconvFront, deep=36, slim=5), slim=3),
    "unpool_v1": partial(Embedder, UnpoolFront),
    "plain_v1": partial(Embedder, PlainFront, restores=False),
    "plain_v1_xs": partial(Embedder, partial(PlainFront, slim=5), slim=3, restores=False),
}
