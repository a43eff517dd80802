"""Jobs by hash: the two sides of the way, without Ray between them."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from services.ray.apart import node_of
from services.ray.carrier import Carrier, FoldersOf, LostInStoreError
from services.ray.decoded import Decoded
from services.ray.inbox import Call
from services.ray.order import CallOrder, JobOrder, NodeSettings, StoreAddress
from services.scoring.order import ShardOrder
from services.store.errors import StoreError
from services.store.notes import noted
from services.store.objects import md5_of_file
from tests.helpers.packages import save_detector
from tests.helpers.project import project_workspace
from tests.helpers.toys import write
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images
from tocoad.data.problems import DataError
from tocoad.errors import PassingError, SettingsError, StageError
from tocoad.evaluation.folders import evaluation_folders
from tocoad.files.fingerprint import folder_digest
from tocoad.files.lease import LeaseLostError, current_ticket, lease
from tocoad.files.workspace import Category, Workspace
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import load_params
from tocoad.settings.sections import Settings
from tocoad.stages.graph import METHODS, Job, detector_dir, jobs_of
from tocoad.stages.running import RECORD_FILE, StageFolders, folders_of, run_stage
from tocoad.stages.stage import StageRecord, silent
from tocoad.study.stages import StudyFolders, run_study_stage

GEAR = Category("tiny", "gear")
SMALL: dict[str, dict[str, object]] = {
    "image": {"size": 64},
    "split": {"train_min": 4, "calibration_min": 4},
    "synthesis": {"validation_count": 2},
    "encoder": {"name": "resnet18", "weights": "none"},
    "stage1": {"iterations": 2, "batch_size": 2},
    "stage2": {"iterations": 0},
    "evaluation": {"bootstrap": 20},
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "tiny"
    render_sample(folder, size=64, counts=SampleCounts(train=12, test_good=3, test_defective=3))
    return folder


@pytest.fixture
def workspace(rendered: Path, tmp_path: Path) -> Workspace:
    (tmp_path / "workspace").mkdir()
    made = project_workspace(tmp_path / "workspace")
    shutil.copytree(rendered, made.dataset_dir("tiny"))
    return made


def settings_of(workspace: Workspace, changes: Mapping[str, Mapping[str, object]] = SMALL) -> Settings:
    document = load_params(workspace).settings.model_dump()
    for section, values in changes.items():
        document[section] |= values
    return Settings.model_validate(document)


class Way:
    """A carrier, whose calls a node with a cache of its own takes at once: what stands between them is text."""

    def __init__(self, workspace: Workspace, folder: Path, folders_of_job: FoldersOf | None = None) -> None:
        self.store, self.cache, self.told = folder / "store", folder / "node", list[str]()
        self.node = NodeSettings(
            store=StoreAddress(url=str(self.store)),
            cache=str(self.cache),
            cache_bytes=10**9,
            checkpoint_seconds=60,
        )

        def folders(job: Job, _: Settings) -> StageFolders:
            return folders_of(workspace, job.owner, job.method, job.stage)

        self.carrier = Carrier(workspace, self.node, folders_of_job or folders, current_ticket(), self._take)

    def _take(self, call: Call) -> None:
        node, order = call.arguments
        self.told += [node, order]
        try:
            if call.worker_function == "work_apart":
                call.end(node_of(node).run(JobOrder.model_validate_json(order), silent))
            else:
                call.end(node_of(node).call(CallOrder.model_validate_json(order)))
        except Exception as error:
            call.end(error)

    def run(self, job: Job, settings: Settings) -> StageRecord:
        return self.carrier.submit(Call("key", job.dvc_name, "", ()), job, settings, "sources").result()


@pytest.fixture
def way(workspace: Workspace, tmp_path: Path) -> Iterator[Way]:
    made = Way(workspace, tmp_path)
    yield made
    made.carrier.close()


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


def test_what_keeps_a_node_from_its_work_is_told_with_its_name_and_not_tried_again(
    workspace: Workspace, way: Way
) -> None:
    """Keys, disks and ways to the store are a machine's own: the driver's may be in order."""
    way.cache.write_text("no folder")
    expected = f"^node {re.escape(platform.node())}: .* cannot be used .*ray.node_cache"
    with pytest.raises(StoreError, match=expected) as raised:
        way.run(manifest_of(workspace), settings_of(workspace))
    assert not isinstance(raised.value, PassingError)


def test_a_store_in_a_folder_of_the_drivers_alone_is_refused_by_the_node(
    workspace: Workspace, way: Way, tmp_path: Path
) -> None:
    way.run(manifest_of(workspace), settings_of(workspace))
    node, order = way.told
    elsewhere = node_of(node.replace(str(way.store), str(tmp_path / "not here")))
    expected = (
        f"^node {re.escape(platform.node())}: there is no folder {tmp_path}/not here: let ray.store name one that"
    )
    with pytest.raises(SettingsError, match=expected):
        elsewhere.run(JobOrder.model_validate_json(order), silent)


def manifest_of(workspace: Workspace) -> Job:
    return next(job for job in jobs_of(GEAR, "tocoad") if job.stage.name == "manifest")


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


def test_a_broken_image_is_named_as_it_is_in_the_workspace(workspace: Workspace, way: Way) -> None:
    image = next((workspace.data_dir(GEAR) / "train" / "good").iterdir())
    image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(DataError, match=str(image.relative_to(workspace.root))) as raised:
        way.run(manifest_of(workspace), settings_of(workspace))
    assert str(way.cache) not in str(raised.value)


def test_what_the_store_has_lost_is_put_there_anew_for_the_next_try(workspace: Workspace, way: Way) -> None:
    settings, job = settings_of(workspace), manifest_of(workspace)
    way.run(job, settings)
    shutil.rmtree(way.store)
    shutil.rmtree(way.cache)
    with pytest.raises(LostInStoreError, match="manifest@tiny/gear"):
        way.run(job, settings)
    way.run(job, settings)


def test_an_answer_that_comes_after_the_lease_was_lost_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    settings, job = settings_of(workspace), manifest_of(workspace)
    with lease(workspace, [GEAR], "the test"):
        way = Way(workspace, tmp_path)
        way.run(job, settings)
        before = folder_digest(job.output_dir(workspace))
        ticket = current_ticket()
        assert ticket is not None
        ticket.unlink()
        with pytest.raises(LeaseLostError):
            way.run(job, settings_of(workspace, SMALL | {"split": {"train_min": 4, "calibration_min": 5}}))
        way.carrier.close()
    assert folder_digest(job.output_dir(workspace)) == before


def test_what_has_not_run_is_told_before_anything_travels(workspace: Workspace, way: Way) -> None:
    with pytest.raises(StageError, match="fit of tiny/gear needs the output of manifest"):
        way.run(Job(GEAR, "patchcore", METHODS["patchcore"].stage("fit")), settings_of(workspace))
    assert not way.told


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


def test_who_is_told_to_stop_waits_for_no_answer(workspace: Workspace, way: Way) -> None:
    way.carrier.close()
    with pytest.raises(StageError, match="stopped"):
        way.run(manifest_of(workspace), settings_of(workspace))
