"""The networks that can be distilled, by name: what mends the features, version, size.

`plain` ones are the twins without deconvolution; `trunk` ones are what all of a size have in common.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from training.networks.embedder import Embedder, enter_cheaply
from training.networks.paths import DeconvPath, PlainPath, UnpoolPath

_small = partial(Embedder, entry=enter_cheaply, hidden=(48, 112, 208))

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "trunk_v2": partial(Embedder, None),
    "deconv_v2": partial(Embedder, DeconvPath, restores=True),
    "unpool_v2": partial(Embedder, UnpoolPath, restores=True),
    "plain_v2": partial(Embedder, PlainPath),
    "trunk_v2_xs": partial(_small, None),
    "deconv_v2_xs": partial(_small, partial(DeconvPath, deep=36, slim=4), restores=True),
}
