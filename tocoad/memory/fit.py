"""From an encoder to a calibrated memory-bank detector: what PatchCore's only and ToCoAD's second stage end with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.data.manifest import Manifest
from tocoad.graph import DETECTOR_DIR
from tocoad.memory.build import build_bank
from tocoad.memory.model import NAME, MemoryBankModel
from tocoad.nn.device import Compute
from tocoad.nn.encoder import Encoder
from tocoad.package.calibrate import calibrated_detector
from tocoad.scoring.patches import patch_features
from tocoad.stage import StageContext
from tocoad.training.tensors import image_tensor


def fit_detector(
    context: StageContext, encoder: Encoder, manifest: Manifest, images: NDArray[np.uint8], compute: Compute
) -> dict[str, float]:
    """Writes the detector package; returns the bank's size and the image threshold.

    Args:
        encoder: trained or pretrained, with the bank's levels at least, on the device.
        images: (N, S, S, 3), the training part and nothing else.
    """
    settings = context.settings
    deployed = compute.place(encoder.with_levels(settings.bank.layers)).eval()

    @torch.inference_mode()
    def patches() -> Iterator[Tensor]:
        # Image by image, as `predict` does: a bank vector is then the same bytes as its patch would be there.
        for image in images:
            x = image_tensor(image[None], deployed.mean, deployed.std, compute)
            with compute.autocast():
                maps = deployed(x)
            yield patch_features(maps, settings.bank.pooled_width).cpu()

    bank = build_bank(patches(), len(images), settings.bank, seed=settings.seed)
    model = MemoryBankModel.assemble(deployed, bank, settings.image.size, settings.bank.pooled_width, settings.scoring)
    detector = calibrated_detector(context, NAME, compute.place(model), manifest, compute)
    detector.save(context.output_dir / DETECTOR_DIR)
    return {
        "bank_size": float(bank.vectors.shape[0]),
        "image_threshold": detector.card.image_threshold.value,
        "expected_false_reject_rate": detector.card.image_threshold.expected_false_reject_rate,
    }
