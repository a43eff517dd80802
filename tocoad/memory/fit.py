"""From an encoder to a memory-bank model and what it says of calibration normals: the stage `fit` of PatchCore, and the
larger part of ToCoAD's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.calibration.pixel import normal_range
from tocoad.data.cache import stage_images
from tocoad.data.manifest import Manifest
from tocoad.memory.build import build_bank
from tocoad.memory.distances import (
    DISTANCES_FILE,
    NormalDistances,
    distance_quantiles,
    normal_distances,
    save_distances,
)
from tocoad.memory.model import MemoryBankModel, enlarged
from tocoad.memory.settings import BankedSettings
from tocoad.nn.device import Compute
from tocoad.nn.encoder import Encoder
from tocoad.package.calibrate import calibration_images
from tocoad.scoring.patches import patch_features
from tocoad.stages.stage import StageContext
from tocoad.training.tensors import image_tensor


@dataclass(frozen=True)
class FittedBanks:
    """The model, and what its banks say of the calibration images."""

    model: MemoryBankModel
    normals: NormalDistances

    @property
    def maps(self) -> NDArray[np.float32]:
        """The model's anomaly maps (N, S, S) of the calibration images."""
        combined = self.model.combined([torch.from_numpy(maps) for maps in self.normals.maps])
        found: NDArray[np.float32] = combined.numpy()
        return found


def fit_banks(
    context: StageContext, encoder: Encoder, manifest: Manifest, compute: Compute, levels: Sequence[int] = ()
) -> FittedBanks:
    """A bank for each of `bank.scales`, of the training part's patches and nothing else.

    Args:
        encoder: trained or pretrained, on the device; the model gets a copy with the bank's layers and `levels`.
    """
    settings, bank = context.settings, context.settings.of(BankedSettings).bank
    images = stage_images(context, manifest, "train")
    layers = tuple(sorted(set(bank.layers)))
    deployed = compute.place(encoder.with_levels((*layers, *levels)).folded())

    @torch.inference_mode()
    def patches(factor: float) -> Iterator[Tensor]:
        # Image by image, as `predict` does: a bank vector is then the same bytes as its patch would be there.
        for image in images:
            x = image_tensor(image[None], deployed.mean, deployed.std, compute)
            with compute.autocast():
                maps = deployed(enlarged(x, factor), layers)
            yield patch_features(maps, bank.pooled_width).cpu()

    banks = {factor: build_bank(patches(factor), len(images), bank, seed=settings.seed) for factor in bank.scales}
    model = MemoryBankModel.assemble(
        deployed, banks, settings.image.size, bank.pooled_width, settings.scoring, layers if levels else ()
    )
    model = compute.place(model).eval()
    normals = normal_distances(model, calibration_images(context, manifest), compute)
    if len(banks) > 1:
        # Distances of another grid are of another size; what calibration normals have brings them together.
        rate = settings.calibration.pixel_false_reject_rate
        model = compute.place(model.normalised_by([normal_range(maps, rate) for maps in normals.maps])).eval()
    return FittedBanks(model, normals)


def record_distances(context: StageContext, normals: NormalDistances) -> dict[str, float]:
    """Writes how far the calibration normals' patches lie from the bank; returns the median and the 99 % quantile.

    The control's are those of the frozen encoder: what training made of them is seen beside it.
    """
    quantiles = distance_quantiles(normals.of_patches)
    save_distances(quantiles, context.output_dir / DISTANCES_FILE)
    return {"calibration_distance_median": float(quantiles[50]), "calibration_distance_p99": float(quantiles[99])}
