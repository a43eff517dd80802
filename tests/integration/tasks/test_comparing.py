"""The comparison is for a person's eye: the verdict waits for no picture."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from services.addresses import configure
from services.mlflow.recording import retrain_record
from services.mlflow.registry import PACKAGE_TAG, Version
from services.mlflow.tracking import Tracking
from tasks.comparing import show_comparison
from tasks.session import Workshop
from tests.helpers.environment import kept_environment
from tests.helpers.packages import save_detector
from tocoad.data.manifest import TEST_FILE, ImageRecord, Manifest
from tocoad.evaluation.comparison_files import read_comparison
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.comparison import Contestant, side_by_side
from tocoad.gate.records import Candidate, ImageResult
from tocoad.package.card import package_sha256
from tocoad.settings.sections import Settings
from tocoad.stages.graph import detector_dir, manifest_dir

pytestmark = pytest.mark.integration

GEAR = Category("set", "gear")
PATH = "test/crack/0.png"


class Here:
    """Calls in this process what Ray calls in a worker."""

    def call(self, _: str, function: str, folders: Mapping[str, Path], *arguments: str, compute: object) -> Any:
        module, _, name = function.partition(":")
        return getattr(importlib.import_module(module), name)(folders, *arguments)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One defective test image, and a detector."""
    made = Workspace(tmp_path_factory.mktemp("workspace"))
    image = made.data_dir(GEAR) / PATH
    image.parent.mkdir(parents=True)
    Image.new("RGB", (32, 32), (90, 20, 20)).save(image)
    record = ImageRecord(
        path=PATH, sha256="0", md5="0", split="test", gt_label=1, defect_type="crack", width=32, height=32
    )
    manifest_dir(made, GEAR).mkdir(parents=True)
    Manifest(dataset="set", category="gear", images=(record,)).save(manifest_dir(made, GEAR) / TEST_FILE)
    detector_dir(made, GEAR, "patchcore").parent.mkdir(parents=True)
    save_detector(detector_dir(made, GEAR, "patchcore"), 2, probes=False)
    return made


@pytest.fixture(scope="module")
def tracking(workspace: Workspace) -> Iterator[Tracking]:
    with kept_environment():
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        yield Tracking(configure(workspace))


@pytest.fixture(scope="module")
def champion(tracking: Tracking, tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = save_detector(tmp_path_factory.mktemp("packages") / "champion", 1, probes=False)
    with tracking.run(tracking.experiment("before"), "gear") as run:
        example, tags = np.zeros((32, 32, 3), np.uint8), {PACKAGE_TAG: package_sha256(folder)}
        return tracking.registry().register(GEAR.model_name, run, folder, example, tags)


def candidate(rejects: bool) -> Candidate:
    image = ImageResult(image_path=PATH, defect_type="crack", gt_label=1, pred_score=1.0, pred_label=rejects)
    return Candidate(metrics={}, evaluation_set="e", images=(image,))


def shown(workspace: Workspace, tracking: Tracking, champion: Version) -> list[str]:
    """Shows that the challenger misses what the champion catches; the warnings."""
    new, old = (Contestant(version=number, method="patchcore", package=str(number)) for number in (2, 1))
    comparison = side_by_side(candidate(rejects=False), candidate(rejects=True), new, old)
    warnings: list[str] = []
    with retrain_record(tracking, workspace, "set", Settings(), "none", {}, warnings) as record:
        runner: Any = Here()
        checker: Any = None
        shop = Workshop(workspace, Settings(), tracking.registry(), record, runner, checker)
        show_comparison(shop, shop.registry, GEAR, "patchcore", comparison, champion)
        kept = tracking.client.list_artifacts(record.run(GEAR).run_id, "comparison")
    assert "comparison/comparison.json" in [file.path for file in kept], "with the run, whatever can be drawn"
    return warnings


def test_what_is_judged_otherwise_is_drawn_by_both_packages(
    workspace: Workspace, tracking: Tracking, champion: Version
) -> None:
    assert shown(workspace, tracking, champion) == []
    found = read_comparison(workspace.comparison_dir(GEAR))
    assert found is not None and list(found.changed[0].pictures) == ["image", "champion", "challenger"]


def test_where_nothing_can_be_drawn_the_comparison_is_kept_and_the_warnings_say_why(
    workspace: Workspace, tracking: Tracking, champion: Version
) -> None:
    image = workspace.data_dir(GEAR) / PATH
    whole = image.read_bytes()
    image.write_bytes(whole[:40])
    (warning,) = shown(workspace, tracking, champion)
    image.write_bytes(whole)
    assert warning.startswith("set/gear: no pictures of what is judged otherwise (") and "0.png" in warning
    found = read_comparison(workspace.comparison_dir(GEAR))
    assert found is not None and [one.pictures for one in found.changed] == [{}]
