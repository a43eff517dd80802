"""A training that workers share beside the same one of a single worker: real processes on loopback, in double.

In single precision one activation beside a kink tells the two apart; what is left in double is the arithmetic's order.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from ranks import in_double, run_ranks
from safetensors.torch import load_file
from toys import DISC, SIZE, draw_toys

from tocoad.files.workspace import Workspace
from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.methods.tocoad.settings import Stage1Settings, Stage2Settings
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings, SynthesisSettings
from tocoad.stages.graph import METHODS, output_dir
from tocoad.stages.running import read_record, run_stage

# Of a figure, of which the file has six digits, and of a tensor as a whole.
FIGURE, WEIGHTS = 1e-5, 1e-8
STEPS = 3

TRAINING = TrainSettings(iterations=STEPS, batch_size=4, decoder_blocks=(1, 1, 1), mining_ramp=0.5, warm_up=0.4)
SETTINGS = Settings(
    image=ImageSettings(size=SIZE),
    split=SplitSettings(train_min=2, calibration_min=4),
    encoder=EncoderSettings(name="test_resnet", weights="none"),
    synthesis=SynthesisSettings(validation_count=4),
    stage1=Stage1Settings(iterations=STEPS, batch_size=4, decoder_blocks=1),
    stage2=Stage2Settings(iterations=STEPS, batch_size=4, lambda_neg=0.5, lambda_anchor=1.0),
    train=TRAINING,
    unified=TRAINING,
)
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "stage 1 with a pool": ("tocoad", "stage1", {"stage1": SETTINGS.stage1.model_copy(update={"pool": 8})}),
    "stage 1 that trains the encoder": (
        "tocoad",
        "stage1",
        {"stage1": SETTINGS.stage1.model_copy(update={"train_encoder": True})},
    ),
    "stage 2": ("tocoad", "stage2", {}),
    "ReContrast whose norms train": (
        "recontrast",
        "train",
        {"train": TRAINING.model_copy(update={"encoder_batch_norm": "train", "warm_up": 0.0})},
    ),
    "ReContrast whose norms are clamped": (
        "recontrast",
        "train",
        {"train": TRAINING.model_copy(update={"encoder_batch_norm": "clamped", "warm_up": 0.0})},
    ),
    "one ReContrast for all": ("recontrast_unified", "train_unified", {}),
}


OF_THREE = ("stage 1 with a pool", "stage 2", "ReContrast whose norms train")
"""A batch of four on three workers."""


def run_cases(root: Path, names: Sequence[str]) -> None:
    in_double()
    for name in names:
        run_case(name, root)


def run_case(name: str, root: Path) -> None:
    method, stage, changes = CASES[name]
    workspace = Workspace(root / name.replace(" ", "-"))
    owner = METHODS[method].stage(stage).owner(DISC)
    run_stage(workspace, owner, method, stage, SETTINGS.model_copy(update=changes))


def output(name: str, root: Path) -> Path:
    method, stage, _ = CASES[name]
    return output_dir(Workspace(root / name.replace(" ", "-")), DISC, method, METHODS[method].stage(stage))


def curves(name: str, root: Path) -> list[dict[str, float]]:
    with (output(name, root) / "curves.csv").open() as stream:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(stream)]


def weights(name: str, root: Path) -> Mapping[str, torch.Tensor]:
    files = sorted(output(name, root).glob("*.safetensors"))
    return {f"{file.stem}.{key}": value for file in files for key, value in load_file(file).items()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace for each case, with all that its stage reads."""
    root = tmp_path_factory.mktemp("prepared")
    first = draw_toys(root / "first")
    for method, stages in (
        ("tocoad", ("manifest", "synthesize", "stage1")),
        ("recontrast_unified", ("list_unified",)),
    ):
        for stage in stages:
            run_stage(first, METHODS[method].stage(stage).owner(DISC), method, stage, SETTINGS)
    for name in CASES:
        shutil.copytree(root / "first", root / "cases" / name.replace(" ", "-"))
    return root / "cases"


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The trained workspaces, by the number of workers."""
    root = tmp_path_factory.mktemp("trained")
    for size in (1, 2, 3):
        shutil.copytree(prepared, root / str(size))
    for size in (1, 2, 3):
        names = OF_THREE if size == 3 else tuple(CASES)
        run_ranks(size, root / f"world-{size}", run_cases, root / str(size), names)
    return {size: root / str(size) for size in (1, 2, 3)}


@pytest.mark.parametrize(("name", "size"), [*((name, 2) for name in CASES), *((name, 3) for name in OF_THREE)])
def test_a_shared_training_takes_the_steps_of_one_worker(name: str, size: int, trained: dict[int, Path]) -> None:
    ours, alone = curves(name, trained[size]), curves(name, trained[1])
    assert len(ours) == len(alone) == STEPS
    for step, expected in zip(ours, alone, strict=True):
        assert step == pytest.approx(expected, rel=FIGURE, abs=1e-9)
    found, wanted = weights(name, trained[size]), weights(name, trained[1])
    assert set(found) == set(wanted)
    for key, tensor in wanted.items():
        error = (found[key].double() - tensor.double()).norm() / tensor.double().norm().clamp_min(1e-3)
        assert error < WEIGHTS, (key, float(error))


def test_the_record_tells_how_many_workers_there_were(trained: dict[int, Path]) -> None:
    records = {size: read_record(output("stage 2", root)) for size, root in trained.items()}
    assert {size: record and record.workers for size, record in records.items()} == {1: 1, 2: 2, 3: 3}


def test_the_other_workers_leave_nothing_beside_the_leading_ones_output(trained: dict[int, Path]) -> None:
    for name in OF_THREE:
        beside = [file.name for file in output(name, trained[3]).parent.iterdir()]
        assert not [name for name in beside if "incoming" in name or "checkpoint" in name], beside
