"""Pictures as networks take them."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 BGR to (3, H, W) uint8 RGB."""
    return torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)))


def normalise(images: Tensor) -> Tensor:
    """uint8 0..255 to float -1..1, channels last."""
    return ((images.float() - 127.5) / 127.5).contiguous(memory_format=torch.channels_last)
