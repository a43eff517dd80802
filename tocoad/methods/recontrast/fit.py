"""The detector: both encoders, the network between, calibrated on normals (methods.md: score and thresholds)."""

from __future__ import annotations

import json

from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.methods.recontrast.model import NAME, ReContrastModel
from tocoad.methods.recontrast.settings import ReContrastSettings
from tocoad.methods.recontrast.train import METRICS_FILE, load_networks
from tocoad.nn.device import compute_context
from tocoad.package.calibrate import save_detector
from tocoad.stages.stage import StageContext, StageRecord


def fit(context: StageContext, serves: tuple[str, ...] = ()) -> StageRecord:
    """Calibrates what `train` left and writes the detector package; `serves` as in its card."""
    settings = context.settings
    manifest = Manifest.load(context.inputs["manifest"] / TRAIN_FILE)
    networks = load_networks(context)
    options = settings.of(ReContrastSettings).train
    model = ReContrastModel.assemble(
        networks.trained, networks.frozen, networks.network, settings.image.size, options, settings.scoring
    )
    with compute_context(settings.compute) as compute:
        figures = save_detector(context, NAME, compute.place(model).eval(), manifest, compute, serves)
    (context.output_dir / METRICS_FILE).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return StageRecord(metrics=figures)
