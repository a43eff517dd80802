"""Nothing before `evaluate` sees a byte of the test split, and a stage is a function of its inputs and settings."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tocoad.files.workspace import Category, Workspace
from tocoad.memory.settings import BankSettings
from tocoad.methods.tocoad.settings import Stage1Settings, Stage2Settings
from tocoad.package.detector import load_detector
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings, SynthesisSettings
from tocoad.stages.graph import detector_dir, jobs_of
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.e2e

GEAR = Category("tiny", "gear")
SETTINGS = Settings(
    image=ImageSettings(size=64),
    encoder=EncoderSettings(name="resnet18", weights="none"),
    split=SplitSettings(train_min=4, calibration_min=4),
    synthesis=SynthesisSettings(validation_count=4),
    stage1=Stage1Settings(iterations=3, batch_size=4),
    stage2=Stage2Settings(iterations=2, batch_size=4),
    bank=BankSettings(coreset_ratio=0.1),
)


@dataclass(frozen=True)
class Trained:
    """A workspace and the bytes of both detector packages in it."""

    workspace: Workspace
    packages: dict[str, bytes]


def train(root: Path, source: Path, *, with_test: bool = True) -> Trained:
    workspace = Workspace(root)
    shutil.copytree(source, workspace.dataset_dir("tiny"))
    if not with_test:
        shutil.rmtree(workspace.data_dir(GEAR) / "test")
        shutil.rmtree(workspace.data_dir(GEAR) / "ground_truth")
    for job in jobs_of(GEAR, "tocoad"):
        run_stage(workspace, GEAR, job.method, job.stage.name, SETTINGS)
    folders = {method: detector_dir(workspace, GEAR, method) for method in ("tocoad", "patchcore")}
    files = [(name, file) for name, folder in folders.items() for file in folder.iterdir()]
    return Trained(workspace, {f"{name}/{file.name}": file.read_bytes() for name, file in files})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "tiny"
    render_sample(folder, size=64, counts=SampleCounts(train=12, test_good=2, test_defective=5))
    for name in ("plate", "fabric"):
        shutil.rmtree(folder / name)
    return folder


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("with"), source)


def test_the_test_split_does_not_reach_the_detector(whole: Trained, source: Path, tmp_path: Path) -> None:
    with_test = whole.packages
    without = train(tmp_path, source, with_test=False).packages
    assert with_test.keys() == without.keys() and len(with_test) == 8
    for name, content in with_test.items():
        assert content == without[name], name
    # Good parts alone are a supported case: the evaluation is there, without figures.
    predictions = Workspace(tmp_path).work_dir(GEAR) / "tocoad/evaluate/predictions.csv"
    assert predictions.read_text().splitlines() == ["image_path,defect_type,gt_label,pred_score,pred_label"]


def test_the_two_methods_differ_by_the_training_alone(whole: Trained) -> None:
    cards = {
        method: load_detector(detector_dir(whole.workspace, GEAR, method)).card for method in ("tocoad", "patchcore")
    }
    assert cards["tocoad"].architecture == cards["patchcore"].architecture
    assert cards["tocoad"].provenance.manifest_sha256 == cards["patchcore"].provenance.manifest_sha256
    assert "stage2" in cards["tocoad"].provenance.settings
    assert "stage2" not in cards["patchcore"].provenance.settings
