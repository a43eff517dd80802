"""PatchCore (Roth et al. 2022): the frozen pretrained encoder and a coreset of its normal patch features.

The control: the same bank, scoring and evaluator as ToCoAD, without its training.
"""

from __future__ import annotations

import json

from tocoad.data.manifest import Manifest
from tocoad.memory.fit import fit_banks, record_distances
from tocoad.memory.model import NAME
from tocoad.memory.settings import BankedSettings
from tocoad.nn.device import compute_context
from tocoad.nn.encoder import build_encoder
from tocoad.package.calibrate import save_detector
from tocoad.stages.stage import StageContext, StageRecord

METRICS_FILE = "metrics.json"


def fit(context: StageContext) -> StageRecord:
    """Builds and calibrates the detector package from the training part."""
    settings = context.settings
    manifest = Manifest.load(context.inputs["manifest"] / "train.json")
    with compute_context(settings.compute) as compute:
        encoder = build_encoder(settings.encoder, settings.of(BankedSettings).bank.layers, seed=settings.seed)
        compute.place(encoder)
        banks = fit_banks(context, encoder, manifest, compute)
        figures = save_detector(context, NAME, banks.model, manifest, compute)
    metrics = {"bank_size": float(banks.model.bank_size), **figures, **record_distances(context, banks.normals)}
    (context.output_dir / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return StageRecord(metrics=metrics)
