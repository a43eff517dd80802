from __future__ import annotations

import json

import torch
from safetensors.torch import load_file, save_file
from tocoad.methods.tiny.model import TinyModel
from tocoad.methods.tiny.settings import TinySettings

from tocoad.data.cache import stage_images
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.nn.device import compute_context
from tocoad.package.calibrate import save_detector
from tocoad.stages.stage import StageContext, StageRecord
from tocoad.training.loop import save_curves
from tocoad.training.tensors import image_tensor


def average(context: StageContext) -> StageRecord:
    manifest = Manifest.load(context.inputs["manifest"] / TRAIN_FILE)
    with compute_context(context.settings.compute) as compute:
        x = image_tensor(stage_images(context, manifest, "train"), TinyModel.mean, TinyModel.std, compute)
    save_file({"mean": x.mean(0).contiguous()}, context.output_dir / "mean.safetensors")
    save_curves([{"step": 0, "loss": float(x.std())}], context.output_dir / "curves.csv")
    return StageRecord(metrics={"images": float(len(x))})


def fit(context: StageContext) -> StageRecord:
    manifest = Manifest.load(context.inputs["manifest"] / TRAIN_FILE)
    image = load_file(context.inputs["average"] / "mean.safetensors")["mean"]
    with compute_context(context.settings.compute) as compute, torch.no_grad():
        model = TinyModel(image, context.settings.of(TinySettings).distance.power)
        figures = save_detector(context, "tiny", model, manifest, compute)
    (context.output_dir / "metrics.json").write_text(json.dumps(figures))
    return StageRecord(metrics=figures)
