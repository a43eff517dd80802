"""How far normals that the banks have not seen lie from them: what calibration images' patches and maps say."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tocoad.memory.model import MemoryBankModel
from tocoad.nn.device import Compute
from tocoad.training.tensors import image_tensor

DISTANCES_FILE = "distances.csv"
QUANTILES = np.arange(101) / 100


@dataclass(frozen=True)
class NormalDistances:
    """Of N images: the distances (N, P) of their patches to the first bank, and of each scale the maps (N, S, S)."""

    of_patches: NDArray[np.float32]
    maps: tuple[NDArray[np.float32], ...]


@torch.inference_mode()
def normal_distances(model: MemoryBankModel, images: NDArray[np.uint8], compute: Compute) -> NormalDistances:
    """Of images (N, S, S, 3), N > 0, one by one, as scoring has them."""
    of_patches, maps = [], []
    for image in images:
        x = image_tensor(image[None], model.mean, model.std, compute)
        with compute.autocast():
            found = model.search(x)
        of_patches.append(found[0].distances.cpu().numpy())
        maps.append([of_scale.cpu().numpy() for of_scale in model.distance_maps(found)])
    return NormalDistances(np.concatenate(of_patches), tuple(map(np.concatenate, zip(*maps, strict=True))))


def distance_quantiles(distances: NDArray[np.float32]) -> NDArray[np.float64]:
    """The distances below which 0 %, 1 %, ... 100 % of the patches lie, (101,)."""
    return np.quantile(distances.astype(np.float64), QUANTILES)


def save_distances(quantiles: NDArray[np.float64], file: Path) -> None:
    """A row for each of `QUANTILES`, for `dvc plots` and the report."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("quantile", "distance"))
        writer.writerows((f"{q:.2f}", f"{value:.6g}") for q, value in zip(QUANTILES, quantiles, strict=True))
