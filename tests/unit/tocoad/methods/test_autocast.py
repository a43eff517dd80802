"""Every method from its images to its figures in bf16 autocast, which is CUDA's default."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import DISC, SIZE, draw_toys

from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.methods.tocoad.settings import Stage1Settings, Stage2Settings
from tocoad.nn.encoder import Encoder
from tocoad.package.detector import load_detector
from tocoad.settings.sections import (
    ComputeSettings,
    EncoderSettings,
    ImageSettings,
    MethodName,
    Settings,
    SplitSettings,
    SynthesisSettings,
)
from tocoad.stages.graph import METHODS, detector_dir, output_dir
from tocoad.stages.running import run_stage

TRAINING = TrainSettings(iterations=2, batch_size=2, decoder_blocks=(1, 1, 1))
SETTINGS = Settings(
    image=ImageSettings(size=SIZE),
    split=SplitSettings(train_min=2, calibration_min=4),
    encoder=EncoderSettings(name="resnet18", weights="none"),
    synthesis=SynthesisSettings(validation_count=4),
    stage1=Stage1Settings(iterations=3, batch_size=2, decoder_blocks=1, pool=4),
    stage2=Stage2Settings(iterations=2, batch_size=2, lambda_neg=0.5, lambda_anchor=1.0),
    train=TRAINING,
    unified=TRAINING,
    compute=ComputeSettings(autocast=True),
)
WITHOUT_POOL = Stage1Settings(iterations=2, batch_size=2, decoder_blocks=1, train_encoder=True)
CASES: list[tuple[MethodName, Mapping[str, Any]]] = [
    *((name, {}) for name in METHODS),
    ("tocoad", {"stage1": WITHOUT_POOL}),
]


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_all_stages_of_a_method_compute_under_autocast(
    name: MethodName, changes: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, in_bf16 = Encoder.forward, []

    def watched(encoder: Encoder, *arguments: Any) -> Mapping[int, torch.Tensor]:
        in_bf16.append(torch.is_autocast_enabled("cpu"))
        return forward(encoder, *arguments)

    monkeypatch.setattr(Encoder, "forward", watched)
    workspace, settings = draw_toys(tmp_path), SETTINGS.model_copy(update=changes)
    for stage in METHODS[name].stages:
        run_stage(workspace, stage.owner(DISC), name, stage.name, settings)
    assert any(in_bf16)
    assert load_detector(detector_dir(workspace, DISC, name)).card.autocast
    figures = json.loads((output_dir(workspace, DISC, name, METHODS[name].stages[-1]) / "metrics.json").read_text())
    assert all(math.isfinite(figure) for figure in figures["metrics"].values())
