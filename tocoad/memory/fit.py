"""From an encoder to a calibrated memory-bank detector: what PatchCore's only and ToCoAD's second stage end with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.calibration.pixel import normal_range
from tocoad.data.cache import stage_images
from tocoad.data.manifest import Manifest
from tocoad.memory.build import build_bank
from tocoad.memory.distances import DISTANCES_FILE, distance_quantiles, patch_distances, save_distances
from tocoad.memory.model import MemoryBankModel, enlarged
from tocoad.nn.device import Compute
from tocoad.nn.encoder import Encoder
from tocoad.package.calibrate import calibration_images
from tocoad.scoring.patches import patch_features
from tocoad.stage import StageContext
from tocoad.training.tensors import image_tensor


def fit_banks(
    context: StageContext, encoder: Encoder, manifest: Manifest, compute: Compute, levels: Sequence[int] = ()
) -> MemoryBankModel:
    """A bank for each of `bank.scales`, of the training part's patches and nothing else.

    Args:
        encoder: trained or pretrained, on the device; the model gets a copy with the bank's layers and `levels`.
    """
    settings = context.settings
    images = stage_images(context, manifest.split("train"))
    layers = tuple(sorted(set(settings.bank.layers)))
    deployed = compute.place(encoder.with_levels((*layers, *levels)).folded())

    @torch.inference_mode()
    def patches(factor: float) -> Iterator[Tensor]:
        # Image by image, as `predict` does: a bank vector is then the same bytes as its patch would be there.
        for image in images:
            x = image_tensor(image[None], deployed.mean, deployed.std, compute)
            with compute.autocast():
                maps = deployed(enlarged(x, factor), layers)
            yield patch_features(maps, settings.bank.pooled_width).cpu()

    banks = {
        factor: build_bank(patches(factor), len(images), settings.bank, seed=settings.seed)
        for factor in settings.bank.scales
    }
    model = MemoryBankModel.assemble(
        deployed, banks, settings.image.size, settings.bank.pooled_width, settings.scoring, layers if levels else ()
    )
    model = compute.place(model).eval()
    return model if len(banks) == 1 else _normalised(context, model, manifest, compute)


@torch.inference_mode()
def _normalised(context: StageContext, model: MemoryBankModel, manifest: Manifest, compute: Compute) -> MemoryBankModel:
    """Distances of another grid are of another size; what calibration normals have brings them together."""
    maps: list[list[NDArray[np.float32]]] = [[] for _ in model.spec.scales]
    for image in calibration_images(context, manifest):
        x = image_tensor(image[None], model.mean, model.std, compute)
        with compute.autocast():
            of_scales = model.scale_maps(x)
        for known, found in zip(maps, of_scales, strict=True):
            known.append(found.float().cpu().numpy())
    rate = context.settings.calibration.pixel_false_reject_rate
    return compute.place(model.normalised_by([normal_range(of_scale, rate) for of_scale in maps])).eval()


def record_distances(
    context: StageContext, model: MemoryBankModel, manifest: Manifest, compute: Compute
) -> dict[str, float]:
    """Writes how far the calibration normals' patches lie from the bank; returns the median and the 99 % quantile.

    The control's are those of the frozen encoder: what training made of them is seen beside it.
    """
    quantiles = distance_quantiles(patch_distances(model, calibration_images(context, manifest), compute))
    save_distances(quantiles, context.output_dir / DISTANCES_FILE)
    return {"calibration_distance_median": float(quantiles[50]), "calibration_distance_p99": float(quantiles[99])}
