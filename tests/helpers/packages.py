"""A whole detector package with the networks of PatchCore, of small images and made in a moment."""

from __future__ import annotations

from pathlib import Path

import torch

from tocoad.calibration.conformal import conformal_threshold
from tocoad.memory.bank import MemoryBank
from tocoad.memory.model import NAME, MemoryBankModel
from tocoad.nn.encoder import build_encoder
from tocoad.package.card import Calibration, DetectorCard, Provenance
from tocoad.package.detector import Detector
from tocoad.settings.sections import ComputeSettings, EncoderSettings, ScoringSettings


def save_detector(folder: Path, seed: int, size: int = 32, weights: str = "none") -> Path:
    """The seed makes it another."""
    settings = EncoderSettings.model_validate({"weights": weights})
    encoder = build_encoder(settings, (2, 3), seed=seed)
    vectors = torch.rand(4, sum(encoder.channels.values()), generator=torch.Generator().manual_seed(seed))
    model = MemoryBankModel.assemble(encoder.eval(), {1.0: MemoryBank(vectors)}, size, 1024, ScoringSettings())
    card = DetectorCard(
        dataset="set",
        category="gear",
        method="patchcore",
        model=NAME,
        architecture=model.architecture,
        image_size=size,
        image_threshold=conformal_threshold([0.1, 0.2, 0.5], 0.3),
        pixel_threshold=0.25,
        calibration=Calibration(scores=(0.1, 0.2, 0.5), scale=(0.0, 1.0)),
        provenance=Provenance(
            manifest_sha256="0", train_images=3, calibration_images=3, settings={}, versions={"torch": "x"}
        ),
    )
    Detector(card, model, ComputeSettings(device="cpu")).save(folder)
    return folder
