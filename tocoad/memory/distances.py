"""How far normals that the bank has not seen lie from it: the distances of calibration patches, as quantiles."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tocoad.memory.model import MemoryBankModel
from tocoad.nn.device import Compute
from tocoad.training.tensors import image_tensor

DISTANCES_FILE = "distances.csv"
QUANTILES = np.arange(101) / 100


@torch.inference_mode()
def patch_distances(model: MemoryBankModel, images: NDArray[np.uint8], compute: Compute) -> NDArray[np.float32]:
    """(N, S, S, 3) -> (N, P): of every patch to the nearest vector of the first bank, as scoring has it."""
    found = []
    for image in images:
        x = image_tensor(image[None], model.mean, model.std, compute)
        with compute.autocast():
            distances = model.nearest(x, 0).distances
        found.append(distances.cpu().numpy())
    return np.concatenate(found)


def distance_quantiles(distances: NDArray[np.float32]) -> NDArray[np.float64]:
    """The distances below which 0 %, 1 %, ... 100 % of the patches lie, (101,)."""
    return np.quantile(distances.astype(np.float64), QUANTILES)


def save_distances(quantiles: NDArray[np.float64], file: Path) -> None:
    """A row for each of `QUANTILES`, for `dvc plots` and the report."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("quantile", "distance"))
        writer.writerows((f"{q:.2f}", f"{value:.6g}") for q, value in zip(QUANTILES, quantiles, strict=True))
