"""The networks that can be trained, by name."""

from collections.abc import Callable

from torch import nn

from training.networks.deconv import DeconvEmbedder

NETWORKS: dict[str, Callable[[], nn.Module]] = {"deconv_v0": DeconvEmbedder}
