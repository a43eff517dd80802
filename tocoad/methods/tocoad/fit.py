"""The detector: a bank of the patches of stage 2's encoder, which the profile `default` leaves as it was pretrained,
alone or with D's map beside it (methods.md: the detector).
"""

from __future__ import annotations

import json

from tocoad.calibration.pixel import normal_range
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.memory.fit import FittedBanks, fit_banks, record_distances
from tocoad.memory.model import NAME as BANK
from tocoad.methods.tocoad.fused import NAME as FUSED
from tocoad.methods.tocoad.fused import FusedModel
from tocoad.methods.tocoad.settings import FusedSettings, TrainingSettings
from tocoad.methods.tocoad.stage1 import ENCODER_FILE, METRICS_FILE, load_discriminator
from tocoad.nn.device import compute_context
from tocoad.nn.encoder import build_encoder
from tocoad.nn.state import load_state
from tocoad.package.calibrate import save_detector
from tocoad.settings.sections import Settings
from tocoad.stages.stage import StageContext, StageRecord


def fit(context: StageContext) -> StageRecord:
    """Builds and calibrates the detector package; `fusion.weight` 0 gives the paper's, the bank alone."""
    settings = context.settings
    manifest = Manifest.load(context.inputs["manifest"] / TRAIN_FILE)
    with compute_context(settings.compute) as compute:
        encoder = build_encoder(settings.encoder, levels=None, seed=settings.seed)
        load_state(encoder, context.inputs["stage2"] / ENCODER_FILE, "stage2")
        compute.place(encoder)
        fused = settings.of(FusedSettings).fusion.weight > 0
        banks = fit_banks(context, encoder, manifest, compute, encoder.levels if fused else ())
        if fused:
            model = compute.place(_fuse(context, banks, settings)).eval()
            figures = save_detector(context, FUSED, model, manifest, compute)
        else:
            figures = save_detector(context, BANK, banks.model, manifest, compute)
    metrics = {"bank_size": float(banks.model.bank_size), **figures, **record_distances(context, banks.normals)}
    (context.output_dir / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return StageRecord(metrics=metrics)


def _fuse(context: StageContext, banks: FittedBanks, settings: Settings) -> FusedModel:
    """The range of the bank's map comes from calibration normals: its median becomes 0, its pixel threshold 1."""
    scale = normal_range(banks.maps, settings.calibration.pixel_false_reject_rate)
    discriminator = load_discriminator(context.inputs["stage1"], banks.model.encoder, settings)
    fusion, blocks = settings.of(FusedSettings).fusion, settings.of(TrainingSettings).stage1.decoder_blocks
    return FusedModel.assemble(banks.model, discriminator, blocks, scale, fusion.weight, fusion.sigma)
