"""How far F has left F0, by hand and through a whole stage 2, whose weights the measuring must not touch."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from rounding import sum_error
from safetensors.torch import load_file, save_file
from torch import Tensor

from tocoad.data.manifest import Manifest
from tocoad.data.stage import manifest as manifest_stage
from tocoad.files.workspace import Category
from tocoad.methods.tocoad import stage2 as stage2_module
from tocoad.methods.tocoad.drift import FeatureDrift, is_due
from tocoad.methods.tocoad.settings import Stage2Settings
from tocoad.methods.tocoad.stage1 import build_discriminator
from tocoad.methods.tocoad.stage2 import stage2
from tocoad.nn.device import Compute
from tocoad.nn.encoder import build_encoder
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings, SynthesisSettings
from tocoad.stages.stage import Progress, StageContext
from tocoad.synthesis.stage import synthesize
from tocoad.training.tensors import image_tensor

SIZE = 64
CPU = Compute(torch.device("cpu"), channels_last=True, use_autocast=False)
# Of a cosine of vectors of at most 512 numbers: sums of products, relative to 1.
ROUNDING = sum_error(2 * 512)
IMAGES = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def encoder(seed: int) -> Any:
    return build_encoder(EncoderSettings(name="resnet18", weights="none"), None, seed=seed)


def test_an_encoder_has_not_drifted_from_itself_nor_from_its_multiple() -> None:
    frozen = encoder(0)

    def scaled(images: Tensor) -> Mapping[int, Tensor]:
        return {level: 3 * x for level, x in frozen(images).items()}

    for network in (frozen, scaled):
        found = FeatureDrift(network, frozen, IMAGES, (2, 3, 4), CPU).measure()
        assert list(found) == ["drift_level2", "drift_level3", "drift_level4"]
        assert all(abs(value) < ROUNDING for value in found.values())


def test_the_drift_is_the_mean_angle_of_the_positions() -> None:
    def pretrained(images: Tensor) -> Mapping[int, Tensor]:
        return {1: torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 2, 1, 2)}

    def turned(images: Tensor) -> Mapping[int, Tensor]:
        # The first position by 60 degrees, the second by 180.
        return {1: torch.tensor([[0.5, -2.0], [0.75**0.5, 0.0]]).view(1, 2, 1, 2)}

    assert FeatureDrift(turned, pretrained, IMAGES, (1,), CPU).measure() == {"drift_level1": pytest.approx(1.25)}


def test_without_a_level_that_trains_nothing_is_computed() -> None:
    def never(images: Tensor) -> Mapping[int, Tensor]:
        raise AssertionError

    assert FeatureDrift(never, never, IMAGES, (), CPU).measure() == {}


def test_the_pretrained_maps_are_computed_once_and_no_gradient_is_kept() -> None:
    calls = []
    trained = encoder(1)

    def pretrained(images: Tensor) -> Mapping[int, Tensor]:
        calls.append(torch.is_grad_enabled())
        return {level: x + 1 for level, x in trained(images).items()}

    drift = FeatureDrift(trained, pretrained, IMAGES, (4,), CPU)
    assert drift.measure() == drift.measure()
    assert calls == [False]
    assert all(parameter.grad is None for parameter in trained.parameters())


@pytest.mark.parametrize("iterations", [1, 2, 7, 10, 11, 80, 300, 1000])
def test_it_is_measured_ten_times_and_after_the_last_step(iterations: int) -> None:
    due = [step for step in range(iterations) if is_due(step, iterations)]
    assert len(due) == min(iterations, 10)
    assert due[-1] == iterations - 1
    gaps = np.diff([-1, *due])
    assert gaps.max() - gaps.min() <= 1


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> StageContext:
    """All that stage 2 reads: nine calibration images, and a stage 1 that trained for no step."""
    root = tmp_path_factory.mktemp("category")
    good = root / "data" / "train" / "good"
    good.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(13):
        Image.fromarray(rng.integers(60, 200, (SIZE, SIZE, 3), np.uint8)).save(good / f"{number:02d}.png")
    settings = Settings(
        image=ImageSettings(size=SIZE),
        encoder=EncoderSettings(name="resnet18", weights="none"),
        split=SplitSettings(calibration_min=9, train_min=4),
        synthesis=SynthesisSettings(validation_count=2),
        stage2=Stage2Settings(iterations=3, batch_size=2, frozen_stages=2, encoder_lr=1e-3),
    )
    context = StageContext(
        owner=Category("toys", "bolt"),
        method="tocoad",
        settings=settings,
        params=(),
        data_dir=root / "data",
        inputs={name: root / name for name in ("manifest", "synthesize", "stage1")},
        output_dir=root / "manifest",
        checkpoint_dir=root / "checkpoint",
        cache_dir=root / "cache",
    )
    for folder in context.inputs.values():
        folder.mkdir()
    manifest_stage(context)
    synthesize(replace(context, output_dir=root / "synthesize"))
    network = encoder(0)
    save_file(network.state_dict(), root / "stage1" / "encoder.safetensors")
    save_file(build_discriminator(network, settings).state_dict(), root / "stage1" / "discriminator.safetensors")
    return context


Run = tuple[Path, Mapping[str, Any], list[Progress]]


def run(made: StageContext, folder: Path, **stage2_settings: Any) -> Run:
    """Stage 2's output folder, its metrics and what it said while it ran."""
    heard: list[Progress] = []
    section = made.settings.stage2.model_copy(update=stage2_settings)
    settings = made.settings.model_copy(update={"stage2": section})
    folder.mkdir()
    record = stage2(replace(made, settings=settings, output_dir=folder, progress=heard.append))
    assert json.loads((folder / "metrics.json").read_text()) == record.metrics
    return folder, record.metrics, heard


@pytest.fixture(scope="module")
def measured(made: StageContext, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(made, tmp_path_factory.mktemp("measured") / "out")


def calibration(made: StageContext) -> NDArray[np.uint8]:
    records = Manifest.load(made.inputs["manifest"] / "train.json").split("calibration")
    assert len(records) == 9
    return np.stack([np.asarray(Image.open(made.data_dir / record.path)) for record in records[:8]])


def test_stage_2_ends_with_the_drift_of_the_weights_that_it_writes(made: StageContext, measured: Run) -> None:
    folder, metrics, heard = measured
    before, after = encoder(0), encoder(0)
    after.load_state_dict(load_file(folder / "encoder.safetensors"))
    images = image_tensor(calibration(made), before.mean, before.std, CPU)
    with torch.no_grad():
        maps, frozen = after(images), before(images)
    for level in (3, 4):
        x, y = (m[level].double().movedim(1, -1).flatten(0, 2).numpy() for m in (maps, frozen))
        cosine = (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))
        assert metrics[f"drift_level{level}"] == pytest.approx(float((1 - cosine).mean()), abs=ROUNDING)
        assert metrics[f"drift_level{level}"] > 10 * ROUNDING
    assert "drift_level1" not in metrics and "drift_level2" not in metrics  # frozen
    assert heard[-1].metrics["drift_level4"] == metrics["drift_level4"]
    rows = list(csv.DictReader((folder / "curves.csv").open()))
    assert float(rows[-1]["drift_level4"]) == pytest.approx(metrics["drift_level4"], rel=1e-5)


def test_measuring_leaves_the_weights_as_they_are(
    made: StageContext, measured: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage2_module, "is_due", lambda step, iterations: step == 1)
    once, metrics, _ = run(made, tmp_path / "once")
    assert "drift_level4" not in metrics
    first, second = (folder / "encoder.safetensors" for folder in (measured[0], once))
    assert first.read_bytes() == second.read_bytes()
    cells = [row["drift_level4"] for row in csv.DictReader((once / "curves.csv").open())]
    assert [bool(cell) for cell in cells] == [False, True, False]


def test_no_iteration_has_no_curve_and_no_drift(made: StageContext, tmp_path: Path) -> None:
    folder, metrics, heard = run(made, tmp_path / "out", iterations=0)
    assert (metrics, heard) == ({}, [])
    assert (folder / "curves.csv").read_text() == "step,loss\n"
