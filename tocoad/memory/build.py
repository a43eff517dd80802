"""From the patch features of the training images to their memory bank."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from tocoad.memory.bank import MemoryBank
from tocoad.memory.coreset import Floats, greedy_k_centre
from tocoad.memory.settings import BankSettings


def build_bank(batches: Iterable[Tensor], images: int, settings: BankSettings, *, seed: int) -> MemoryBank:
    """The bank, on the CPU, of all patches of `images` images; `batches` are their patch features (B, h, w, D)."""
    features = gather(batches, images)
    count = max(1, round(settings.coreset_ratio * len(features)))
    chosen = greedy_k_centre(features, count, seed=seed, projection=settings.projection, start=settings.coreset)
    return MemoryBank(torch.from_numpy(features[chosen]))


def gather(batches: Iterable[Tensor], images: int) -> Floats:
    """(images * h * w, D) float32, written into one array: the features of a category may fill half of the memory."""
    features = np.empty((0, 0), np.float32)
    end = 0
    for batch in batches:
        rows = batch.flatten(0, 2).numpy(force=True)
        if end == 0:
            features = np.empty((images * batch.shape[1] * batch.shape[2], batch.shape[3]), np.float32)
        end += len(rows)
        if end <= len(features):
            features[end - len(rows) : end] = rows
    if end != len(features) or end == 0:
        raise ValueError(f"{end} patches came, {len(features)} were expected from {images} images")
    return features
