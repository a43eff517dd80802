"""A data set with image labels and no masks, from the published folders to the report's page."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from html_page import read_page
from report_files import FACTS

from tocoad.data.importing import import_dataset
from tocoad.evaluation.files import read_candidate
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.case import Case
from tocoad.gate.decide import decide
from tocoad.memory.settings import BankSettings
from tocoad.metrics.names import METRIC_NAMES
from tocoad.report.write import write_report
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.sections import EncoderSettings, GateSettings, ImageSettings, Settings, SplitSettings
from tocoad.stages.graph import evaluation_dir, jobs_of
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.e2e

SCANS = Category("medical", "oct2017")
SETTINGS = Settings(
    image=ImageSettings(size=64),
    encoder=EncoderSettings(name="resnet18", weights="none"),
    split=SplitSettings(train_min=4, calibration_min=4),
    bank=BankSettings(coreset_ratio=0.1),
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Gears laid out as OCT2017 is, judged by PatchCore."""
    root = tmp_path_factory.mktemp("medical")
    render_sample(root / "sample", size=64, counts=SampleCounts(train=12, test_good=3, test_defective=6))
    gear, published = root / "sample/gear", root / "OCT2017"
    shutil.copytree(gear / "train/good", published / "train/NORMAL")
    for folder in (gear / "test").iterdir():
        shutil.copytree(folder, published / "test" / ("NORMAL" if folder.name == "good" else folder.name.upper()))
    made = Workspace(root / "workspace")
    import_dataset(published, made.dataset_dir("medical"), "auto", SETTINGS.split)
    for job in jobs_of(SCANS, "patchcore"):
        run_stage(made, SCANS, job.method, job.stage.name, SETTINGS)
    return made


@pytest.fixture(scope="module")
def report(workspace: Workspace) -> Any:
    return json.loads((evaluation_dir(workspace, SCANS, "patchcore") / "metrics.json").read_text())


def test_image_metrics_are_figures_and_pixel_metrics_null(report: Any) -> None:
    for name in METRIC_NAMES:
        assert (report["metrics"][name] is None) == name.startswith("pixel"), name
    assert set(report["intervals"]) == {"image_AUROC", "image_AP", "image_F1Max"}
    assert report["counts"] == {"good": 3, "defective": 6, "without_mask": 6}


def test_every_defect_type_has_its_recall(report: Any, workspace: Workspace) -> None:
    types = {folder.name for folder in (workspace.data_dir(SCANS) / "test").iterdir()} - {"good"}
    assert types
    assert set(report["at_threshold"]["recall_by_defect_type"]) == types


def test_no_picture_shows_a_truth(workspace: Workspace) -> None:
    gallery = evaluation_dir(workspace, SCANS, "patchcore") / "gallery"
    assert len(list(gallery.glob("*_overlay.webp"))) == 9
    assert not list(gallery.glob("*_truth.webp"))


def test_the_gate_goes_by_what_the_data_can_tell(workspace: Workspace) -> None:
    candidate = read_candidate(evaluation_dir(workspace, SCANS, "patchcore"))
    gate = GateSettings(image_AUROC_min=0.0, pixel_AUROC_min=1.0, images_min=1)
    for champion in (None, candidate):
        assert decide(Case(candidate, champion, gate)).verdict == "promoted"


def test_the_page_claims_nothing_about_places(workspace: Workspace) -> None:
    index = write_report(workspace, "medical", [SCANS], {SCANS: "patchcore"}, FACTS)
    page = read_page((index.parent / "oct2017.html").read_text()).one("main").text
    assert "whether the right place was found is not judged" in page
    assert "The pixel metrics need masks of the defects, and there is none." in page
    assert "green" not in page
    assert "A dash stands where the data cannot tell" in read_page(index.read_text()).text
