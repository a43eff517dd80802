"""A workspace with two rendered categories and the project's own settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.project import project_workspace
from tocoad.files.workspace import Workspace
from tocoad.sample import SampleCounts, render_sample


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "tiny"
    render_sample(folder, size=64, counts=SampleCounts(train=12, test_good=3, test_defective=5))
    shutil.rmtree(folder / "fabric")
    return folder


@pytest.fixture
def workspace(rendered: Path, tmp_path: Path) -> Workspace:
    made = project_workspace(tmp_path)
    shutil.copytree(rendered, made.dataset_dir("tiny"))
    return made


STUDY = """
dataset: tiny
profile: demo
seeds: [0, 1]
control: patchcore
set: {image: {size: 64}, split: {train_min: 4, calibration_min: 4}, evaluation: {bootstrap: 20}}
encoders:
  none: {encoder: {name: resnet18, weights: none}}
variants:
  patchcore: {method: patchcore, about: the frozen encoder}
  wide: {method: patchcore, seeds: [0], set: {bank: {coreset_ratio: 0.5}}}
"""


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    file = tmp_path / "bank.yaml"
    file.write_text(STUDY)
    return file
