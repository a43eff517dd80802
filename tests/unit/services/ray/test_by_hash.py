"""Jobs by hash: the bytes of a job on the spot, and no more on the way than it needs, without Ray in between."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from services.ray.decoded import Decoded
from services.ray.order import JobOrder
from services.store.notes import noted
from services.store.objects import md5_of_file
from tests.helpers.by_hash import GEAR, SMALL, Way, manifest_of, settings_of
from tocoad.files.fingerprint import folder_digest
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import Settings
from tocoad.stages.graph import METHODS, Job, jobs_of
from tocoad.stages.running import RECORD_FILE, StageFolders, run_stage
from tocoad.study.stages import StudyFolders, run_study_stage


def outputs(workspace: Workspace) -> dict[str, str]:
    """By job, a digest of what it left."""
    found = {}
    for job in jobs_of(GEAR, "tocoad"):
        folder = job.output_dir(workspace)
        (folder / "latency.json").unlink(missing_ok=True)
        found[job.dvc_name] = folder_digest(folder, without=RECORD_FILE)
    return found


def test_a_category_by_hash_has_the_bytes_of_one_on_the_spot_and_no_order_a_path(
    workspace: Workspace, way: Way
) -> None:
    settings = settings_of(workspace)
    records = {job.dvc_name: way.run(job, settings) for job in jobs_of(GEAR, "tocoad")}
    there = outputs(workspace)
    shutil.rmtree(workspace.work_dir(GEAR))
    for job in jobs_of(GEAR, "tocoad"):
        here = run_stage(workspace, job.owner, job.method, job.stage.name, settings, sources="sources")
        assert records[job.dvc_name].read == here.read
        assert records[job.dvc_name].wrote == here.wrote or job.stage.name == "evaluate"
    assert outputs(workspace) == there
    assert not [text for text in way.told if str(workspace.root) in text]
    assert not list((way.cache / "jobs").iterdir())
    # No version names what is left there; `tocoad gc` finds it by its notes.
    store = way.node.store.open()
    lying = {found.name for found in store.objects() if found.name.endswith(".dir")}
    named = noted(store, 0).kept
    assert lying == {name for name in named if name.endswith(".dir")}
    # What others may have under DVC is not of these.
    outs = [job.output_dir(workspace) / name for job in jobs_of(GEAR, "tocoad") for name in job.stage.writes]
    files = [file for out in outs for file in (out.rglob("*") if out.is_dir() else (out,)) if file.is_file()]
    assert not named & {md5_of_file(file) for file in files}


def test_a_stage_that_trains_gets_no_test_image(workspace: Workspace, way: Way) -> None:
    settings = settings_of(workspace)
    way.run(manifest_of(workspace), settings)
    way.run(Job(GEAR, "patchcore", METHODS["patchcore"].stage("fit")), settings)
    listings = {}
    for text in way.told[1::2]:
        order = JobOrder.model_validate_json(text)
        assert order.images is not None
        listings[order.stage] = {Path(path).parts[0] for path in way.node.store.open().listing(order.images)}
    assert listings == {"manifest": {"train", "test", "ground_truth"}, "fit": {"train"}}


def test_what_travelled_for_a_job_is_told_to_whoever_listens(
    workspace: Workspace, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    """The words stand in this order: benchmarks read them."""
    with caplog.at_level(logging.DEBUG, "services.ray.carrier"):
        for _ in range(2):
            way.run(manifest_of(workspace), settings_of(workspace))
    told = [(said.args[0], *said.args[2:]) for said in caplog.records if isinstance(said.args, tuple)]
    (name, fetched, put), again = told
    assert name == "manifest@tiny/gear"
    images = [file for file in workspace.data_dir(GEAR).rglob("*") if file.is_file()]
    assert fetched > sum(file.stat().st_size for file in images)
    assert put > 0
    assert again[:2] == (name, 0), "the node has it"


@pytest.mark.parametrize("is_absolute", [False, True])
def test_textures_travel_by_hash_and_their_place_decides_nothing(
    workspace: Workspace, way: Way, monkeypatch: pytest.MonkeyPatch, is_absolute: bool
) -> None:
    textures = workspace.root / "textures"
    shutil.copytree(workspace.data_dir(Category("tiny", "plate")) / "train" / "good", textures / "wood")
    named = textures if is_absolute else Path("textures")
    settings = settings_of(workspace, SMALL | {"synthesis": {"validation_count": 2, "texture_dir": str(named)}})
    way.run(manifest_of(workspace), settings)
    job = next(job for job in jobs_of(GEAR, "tocoad") if job.stage.name == "synthesize")
    there = way.run(job, settings)
    monkeypatch.chdir(workspace.root)
    here = run_stage(workspace, GEAR, job.method, job.stage.name, settings, sources="sources")
    assert there.wrote == here.wrote
    (textures / "wood").rename(textures / "metal")
    way.run(job, settings)
    first, second = (JobOrder.model_validate_json(text) for text in way.told[-3::2])
    assert first.key != second.key


def test_a_stage_of_a_study_comes_home_to_the_folder_of_its_key(workspace: Workspace, tmp_path: Path) -> None:
    settings, folders = settings_of(workspace), StudyFolders(workspace)

    def folders_of_job(job: Job, settings: Settings) -> StageFolders:
        return folders.around(job.owner, job.method, job.stage.name, settings)

    way = Way(workspace, tmp_path, folders_of_job)
    records = [way.run(job, settings) for job in jobs_of(GEAR, "patchcore")[:2]]
    way.carrier.close()
    shutil.rmtree(workspace.root / "work")
    for job, there in zip(jobs_of(GEAR, "patchcore"), records, strict=False):
        here = run_study_stage(workspace, job.owner, job.method, job.stage.name, settings, sources="sources")
        assert (there.read, there.wrote) == (here.read, here.wrote)


def test_what_one_job_of_a_node_has_decoded_the_next_one_reads(workspace: Workspace, way: Way) -> None:
    settings, (manifest, fit, *_) = settings_of(workspace), jobs_of(GEAR, "patchcore")
    for job in (manifest, fit):
        way.run(job, settings)
    decoded = {file: file.stat().st_ino for file in (way.cache / "decoded").rglob("*.npy")}
    way.run(fit, settings)
    assert {file: file.stat().st_ino for file in (way.cache / "decoded").rglob("*.npy")} == decoded != {}


def test_of_what_was_decoded_the_oldest_goes_first(tmp_path: Path) -> None:
    for age, owner in enumerate(["tiny/new", "tiny/old", "other/oldest"]):
        folder = Decoded(tmp_path, 0).of(owner)
        folder.mkdir(parents=True)
        (folder / "images.npy").write_bytes(bytes(10))
        os.utime(folder / "images.npy", (1e9 - age, 1e9 - age))
    Decoded(tmp_path, 25).shrink()
    assert sorted(file.parent.name for file in tmp_path.rglob("*.npy")) == ["new", "old"]
