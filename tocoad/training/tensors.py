"""From uint8 images to what a network takes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.nn.device import Compute
from tocoad.nn.encoder import Triple


def image_tensor(images: NDArray[np.uint8], mean: Triple, std: Triple, compute: Compute) -> Tensor:
    """(B, H, W, 3) uint8 RGB -> (B, 3, H, W) float32 on the device, normalised by mean and std of RGB in [0, 1]."""
    x = torch.from_numpy(images).to(compute.device).permute(0, 3, 1, 2)
    shift = torch.tensor(mean, device=compute.device).view(1, 3, 1, 1)
    scale = torch.tensor(std, device=compute.device).view(1, 3, 1, 1)
    x = (x.float() / 255 - shift) / scale
    return x.contiguous(memory_format=compute.memory_format)


def mask_tensor(masks: NDArray[np.bool_], compute: Compute) -> Tensor:
    """(B, H, W) bool -> (B, 1, H, W) float32 on the device."""
    return torch.from_numpy(masks).to(compute.device).unsqueeze(1).float()
