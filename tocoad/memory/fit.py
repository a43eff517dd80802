"""From an encoder to a calibrated memory-bank detector: what PatchCore's only and ToCoAD's second stage end with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tocoad.data.manifest import Manifest
from tocoad.graph import DETECTOR_DIR
from tocoad.memory.build import build_bank
from tocoad.memory.model import MemoryBankModel
from tocoad.nn.device import Compute
from tocoad.nn.encoder import Encoder
from tocoad.package.calibrate import calibrated_detector
from tocoad.package.detector import ScoringModel
from tocoad.scoring.patches import patch_features
from tocoad.stage import StageContext
from tocoad.training.tensors import image_tensor


def fit_bank(
    context: StageContext, encoder: Encoder, images: NDArray[np.uint8], compute: Compute, levels: Sequence[int] = ()
) -> MemoryBankModel:
    """The bank of the images' patches, with a copy of the encoder that has the bank's layers and `levels` besides.

    Args:
        encoder: trained or pretrained, with these levels at least, on the device.
        images: (N, S, S, 3), the training part and nothing else.
    """
    settings = context.settings
    layers = tuple(sorted(set(settings.bank.layers)))
    deployed = compute.place(encoder.with_levels((*layers, *levels)).folded())

    @torch.inference_mode()
    def patches() -> Iterator[Tensor]:
        # Image by image, as `predict` does: a bank vector is then the same bytes as its patch would be there.
        for image in images:
            x = image_tensor(image[None], deployed.mean, deployed.std, compute)
            with compute.autocast():
                maps = deployed(x)
            yield patch_features({level: maps[level] for level in layers}, settings.bank.pooled_width).cpu()

    bank = build_bank(patches(), len(images), settings.bank, seed=settings.seed)
    model = MemoryBankModel.assemble(
        deployed, bank, settings.image.size, settings.bank.pooled_width, settings.scoring, layers if levels else ()
    )
    return compute.place(model).eval()


def save_detector(
    context: StageContext, name: str, model: ScoringModel, manifest: Manifest, compute: Compute
) -> dict[str, float]:
    """Calibrates the model and writes the detector package; returns the image threshold and what it promises."""
    detector = calibrated_detector(context, name, model, manifest, compute)
    detector.save(context.output_dir / DETECTOR_DIR)
    threshold = detector.card.image_threshold
    return {
        "image_threshold": threshold.value,
        "expected_false_reject_rate": threshold.expected_false_reject_rate,
    }
