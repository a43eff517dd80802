"""Calls by hash: what a node is asked of a package or of images, without Ray in between."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from services.ray.inbox import Call
from services.scoring.order import ShardOrder
from services.store.objects import md5_of_file
from tests.helpers.by_hash import GEAR, Way, settings_of
from tests.helpers.packages import save_detector
from tests.helpers.toys import write
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images
from tocoad.evaluation.folders import evaluation_folders
from tocoad.files.workspace import Workspace
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.stages.graph import detector_dir, jobs_of


def test_a_champion_is_scored_by_hash_as_on_the_spot(workspace: Workspace, way: Way) -> None:
    settings = settings_of(workspace)
    for job in jobs_of(GEAR, "patchcore"):
        way.run(job, settings)
    folders = evaluation_folders(workspace, GEAR, detector_dir(workspace, GEAR, "patchcore"))
    function, text = "tocoad.evaluation.workspace:rescore", settings.model_dump_json()
    there = way.carrier.call(Call("key", "champion", "", ()), function, folders, (text,)).result()
    from tocoad.evaluation.workspace import rescore

    assert there.metrics == rescore(folders, text).metrics
    assert not [text for text in way.told if str(workspace.root) in text]


def test_a_node_checks_the_parity_of_one_package_after_another(workspace: Workspace, way: Way) -> None:
    settings = settings_of(workspace)
    for job in jobs_of(GEAR, "patchcore")[:2]:
        way.run(job, settings)
    package = {"package": detector_dir(workspace, GEAR, "patchcore")}
    for _ in range(2):
        call = Call("key", "parity", "", ())
        parity = way.carrier.call(call, "services.clean_process:parity_here", package, ()).result()
        assert parity.passed, parity.reason


def test_of_a_folder_those_files_alone_travel_that_a_call_reads(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that nobody may read stops no other."""
    may = os.access
    monkeypatch.setattr(os, "access", lambda file, *how: Path(file).name != "003.png" and may(file, *how))
    package = save_detector(tmp_path / "package", 1, probes=False)
    images, rng = tmp_path / "images", np.random.default_rng(1)
    write(images, ((number, rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for number in range(4)))
    names, digest = ["000.png", "002.png", "003.png", "gone.png"], package_sha256(package)
    order = ShardOrder(place=str(images), names=dict(enumerate(names)), package=digest, threads=1, journal=None)
    call, folders = Call("key", "shard", "", ()), {"package": package, "images": images}
    told = way.carrier.call(call, "services.scoring.shard:score_shard", folders, (order.text(),), {"images": names})
    rows = [json.loads(line) for line in told.result().splitlines()]
    detector = load_detector(package)
    scores = [float(detector.predict(load_images([images / name], 32, FULL_DEPTH)).pred_score[0]) for name in names[:2]]
    assert [row[1] for row in rows] == [*scores, None, None]
    there = {file.parent.name + file.name for file in (way.store / "files/md5").rglob("*") if file.is_file()}
    assert {name: md5_of_file(images / name) in there for name in ("000.png", "001.png", "002.png", "003.png")} == {
        "000.png": True,
        "001.png": False,
        "002.png": True,
        "003.png": False,
    }
