"""From a verdict on production images to the gate: what is trained, whom it judges anew, and what the report says."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest

from services.addresses import configure
from services.datasets import add_dataset
from services.feedback import take_feedback
from services.mlflow import ledger
from services.mlflow.calls import connect
from services.mlflow.nights import Night
from services.mlflow.registration import Registration, register_candidate
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from services.reports import dataset_report
from services.review import write_reviews
from tests.helpers.project import project_workspace
from tocoad.data.manifest import TEST_FILE, Manifest
from tocoad.evaluation.folders import evaluation_folders
from tocoad.evaluation.workspace import rescore
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.records import Candidate
from tocoad.package.card import package_sha256
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import load_params, override
from tocoad.settings.planning import plan_categories
from tocoad.stages.graph import detector_dir, jobs_of, manifest_dir
from tocoad.stages.running import run_stage
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration

GEAR = Category("tiny", "gear")
SMALL = {
    "image.size": "64",
    "split.train_min": "4",
    "split.calibration_min": "4",
    "bank.coreset_ratio": "0.1",
    "evaluation.bootstrap": "0",
    "gate.image_AUROC_min": "0",
    "gate.pixel_AUROC_min": "0",
}


@pytest.fixture
def workspace(tmp_path: Path, restored_environment: None, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    source, root = tmp_path / "source/tiny", tmp_path / "workspace"
    render_sample(source, size=64, counts=SampleCounts(train=12, test_good=3, test_defective=3))
    for name in ("fabric", "plate"):
        shutil.rmtree(source / name)
    root.mkdir()
    made = project_workspace(root)
    override(made, SMALL)
    add_dataset(made, source, "tiny", "auto", silent)
    plan_categories(made, "tiny", method="patchcore")
    return made


def retrain(workspace: Workspace) -> Registration:
    """What a flow does with the one category, in this process."""
    settings = load_params(workspace).settings
    for job in jobs_of(GEAR, "patchcore"):
        run_stage(workspace, GEAR, job.method, job.stage.name, settings)

    def scored(package: Path) -> Candidate:
        return rescore(evaluation_folders(workspace, GEAR, package), settings.model_dump_json())

    tracking = Tracking(configure(workspace))
    with tracking.run(tracking.experiment("tiny"), "gear") as run:
        night = Night(run.run_id)
        return register_candidate(workspace, GEAR, "patchcore", settings, tracking.registry(), run, scored, night)


def seen(file: Path, image: Path, mark: int) -> Path:
    """As the camera sees another part like that one."""
    pixels = cv2.imread(str(image))
    pixels[mark : mark + 4, mark : mark + 4] = 255
    cv2.imwrite(str(file), pixels)
    return file


def test_a_missed_defect_has_the_champion_judged_anew_and_the_report_says_what_each_retrain_took_in(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = retrain(workspace)
    trained = package_sha256(detector_dir(workspace, GEAR, "patchcore"))
    line = tmp_path / "line"
    line.mkdir()
    good = sorted((workspace.data_dir(GEAR) / "test/good").iterdir())
    missed = seen(line / "missed.png", good[0], 20)
    seen(line / "rejected.png", good[1], 40)
    shutil.copy(good[2], line / "tested.png")
    (review,) = write_reviews(workspace, "tiny", line)
    assert (review.images, review.left_out) == (2, ("1 image in the data set already.",))
    assert "Scores of the champion" in review.page.read_text() and str(missed) in review.page.read_text()

    before = Manifest.load(manifest_dir(workspace, GEAR) / TEST_FILE).digest
    seen(line / "odd.png", good[0], 30)
    verdicts = "path,verdict,defect_type,who\nmissed.png,missed defect,chip,Ann\nodd.png,unclear,,Eve\n"
    (line / "one.csv").write_text(verdicts)
    take_feedback(workspace, GEAR, line / "one.csv")
    (review,) = write_reviews(workspace, "tiny")  # of what is held
    assert review.images == 1 and "unclear, said Eve" in review.page.read_text()
    second = retrain(workspace)
    assert (second.version, package_sha256(detector_dir(workspace, GEAR, "patchcore"))) == (first.version, trained)
    entries = ledger.verdicts(workspace, "tiny")
    assert [(entry["version"], entry["champion"]) for entry in entries] == [(1, None), (1, 1)]
    assert entries[0]["evaluation_set"] == before != entries[1]["evaluation_set"]
    page = dataset_report(workspace, "tiny").pages[GEAR].read_text()
    took = "Feedback that it took in since the data of version 1:"
    assert f"{took} 0 false rejects to learn from, 1 missed defect to test on; said by Ann." in page

    (line / "two.csv").write_text("path,verdict,who\nrejected.png,false reject,Bob\n")
    take_feedback(workspace, GEAR, line / "two.csv")
    third = retrain(workspace)
    last = ledger.verdicts(workspace, "tiny")[-1]
    assert (third.version, last["champion"], last["evaluation_set"]) == (2, 1, entries[1]["evaluation_set"])
    # As on a machine that never saw the verdicts: the registry has them.
    ledger.ledger_file(workspace, "tiny").unlink()
    report = dataset_report(workspace, "tiny", registry=lambda: Tracking(configure(workspace)).registry())
    page = report.pages[GEAR].read_text()
    assert report.warning is None and ledger.verdicts(workspace, "tiny")[-1] == last
    assert f"{took} 1 false reject to learn from, 1 missed defect to test on; said by Ann and Bob." in page

    def away() -> Registry:
        return Registry(connect("http://127.0.0.1:9"))

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    report = dataset_report(workspace, "tiny", registry=away)
    assert report.warning is not None
    assert report.warning.startswith("the report's verdicts are the copy of this workspace, ")
    assert "is away" in report.warning and report.pages[GEAR].read_text() == page
