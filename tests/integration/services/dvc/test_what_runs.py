"""Which jobs a change makes run: the same by the flow and by `dvc repro`, and no more than the change can reach.

The project's own graph on a real DVC repository and real images. The lists of images are real; every other stage writes
what it declares, as digests of all that it declares to read, in no time: so it changes if and only if that has.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shlex
import shutil
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from dvc.repo import Repo

from services.dvc import record, staleness
from services.merging import bring_in, remove_images
from tasks.version import version
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.toys import BAR, DISC, draw, draw_toys, write
from tocoad import __main__ as command
from tocoad.files.fingerprint import content_digest, folder_digest
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params, override, parse_assignments
from tocoad.settings.planning import plan_categories
from tocoad.stages.deciding import Decisions, foreseen
from tocoad.stages.declaration import Stage
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.order import run_in_order
from tocoad.stages.runner import InProcess
from tocoad.stages.running import outside_files
from tocoad.stages.stage import StageContext, StageRecord, silent

pytestmark = pytest.mark.integration

Change = Callable[[Workspace], None]

EVALUATES = ("evaluate_tocoad", "evaluate_patchcore")
FITS = ("fit_tocoad", "fit_patchcore", *EVALUATES)
TRAINS = ("stage1", "stage2", *FITS)
OF_TOCOAD = ("stage1", "stage2", "fit_tocoad", "evaluate_tocoad")
ALL = ("manifest", "synthesize", *TRAINS)
REAL = ("manifest", "list_unified")


def disc(*stages: str) -> set[str]:
    return {f"{stage}@{DISC}" for stage in stages}


def both(*stages: str) -> set[str]:
    """Of the category that ToCoAD trains, and those that the other one has too: the manifest and the control."""
    return disc(*stages) | {f"{stage}@{BAR}" for stage in stages if stage == "manifest" or stage.endswith("patchcore")}


# The other category's detector is of a model of all categories of the data set.
LISTS = {f"list_unified@{DISC.dataset}"}
UNIFIED_EVALUATES = {f"evaluate_recontrast_unified@{BAR}"}
UNIFIED_FITS = {f"fit_recontrast_unified@{BAR}", *UNIFIED_EVALUATES}
UNIFIED = {f"train_unified@{DISC.dataset}", *UNIFIED_FITS}


def images(workspace: Workspace, folder: str) -> Path:
    return workspace.data_dir(DISC) / folder


def draws(folder: str, number: int, seed: int | None = None) -> Change:
    def change(workspace: Workspace) -> None:
        file = images(workspace, folder) / f"{number:03d}.png"
        file.unlink(missing_ok=True)  # it may be a link into DVC's cache
        cv2.imwrite(str(file), draw("disc", number if seed is None else seed))

    return change


def removes(name: str) -> Change:
    return lambda workspace: images(workspace, name).unlink()


def renames(old: str, new: str) -> Change:
    def change(workspace: Workspace) -> None:
        images(workspace, old).replace(images(workspace, new))

    return change


def masks(workspace: Workspace) -> None:
    file = images(workspace, "ground_truth/scratch/030_mask.png")
    mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    mask[:4, :4] = 255
    file.unlink()
    cv2.imwrite(str(file), mask)


def merges(number: int) -> Change:
    """By the command that a user has, whatever else lies in the data set."""

    def change(workspace: Workspace) -> None:
        source = workspace.root.with_name(f"{workspace.root.name}, {number}") / DISC.name
        write(source / "train/good", [(number, draw("disc", number))])
        bring_in(workspace, source, DISC.dataset, "mvtec", "new", lambda _: None, silent)

    return change


def takes_out(path: str) -> Change:
    def change(workspace: Workspace) -> None:
        remove_images(workspace, DISC.dataset, [path], lambda _: None, silent)

    return change


def sets(*assignments: str, profile: str | None = None) -> Change:
    def change(workspace: Workspace) -> None:
        override(workspace, parse_assignments(assignments), profile)

    return change


def edits(name: str) -> Change:
    """A file or folder that the settings name; `dvc.yaml` names it already."""

    def change(workspace: Workspace) -> None:
        (workspace.root / name).write_text(f"{name} is another")

    return change


CHANGES: list[tuple[str, Change, set[str]]] = [
    ("a test image added", draws("test/good", 40), disc("manifest", *EVALUATES) | LISTS),
    ("a test image replaced", draws("test/good", 40, seed=41), disc("manifest", *EVALUATES) | LISTS),
    ("a test image renamed", renames("test/good/040.png", "test/good/041.png"), disc("manifest", *EVALUATES) | LISTS),
    ("a test image removed", removes("test/good/041.png"), disc("manifest", *EVALUATES) | LISTS),
    ("a mask changed", masks, disc("manifest", *EVALUATES) | LISTS),
    ("a train image added", draws("train/good", 50), disc(*ALL) | LISTS | UNIFIED),
    ("a train image replaced", draws("train/good", 50, seed=51), disc(*ALL) | LISTS | UNIFIED),
    # By its content it is one of the images for calibration: the model of all is not trained on them.
    ("a train image renamed", renames("train/good/050.png", "train/good/051.png"), disc(*ALL) | LISTS),
    ("a train image removed", removes("train/good/051.png"), disc(*ALL) | LISTS | UNIFIED),
    ("an image merged into the data set", merges(60), disc(*ALL) | LISTS | UNIFIED),
    ("an image taken out of it", takes_out("disc/test/good/020.png"), disc("manifest", *EVALUATES) | LISTS),
    ("seed", sets("seed=7"), both("synthesize", *TRAINS) | UNIFIED),
    ("image", sets("image.size=96"), both("synthesize", *TRAINS) | UNIFIED),
    ("encoder", sets("encoder.name=resnet18"), both(*TRAINS) | UNIFIED),
    ("split, and the same images on each side", sets("split.train_min=5"), both("manifest") | LISTS),
    ("split", sets("split.calibration_fraction=0.5"), both(*ALL) | LISTS | UNIFIED),
    (
        "synthesis",
        sets("synthesis.validation_count=3"),
        disc("synthesize", *OF_TOCOAD),
    ),
    ("stage1", sets("stage1.focal_gamma=3.0"), disc(*OF_TOCOAD)),
    ("stage2", sets("stage2.margin=0.5"), disc("stage2", "fit_tocoad", "evaluate_tocoad")),
    ("unified", sets("unified.mining_ramp=0.2"), UNIFIED),
    ("bank", sets("bank.projection=64"), both(*FITS)),
    ("fusion", sets("fusion.sigma=3.0"), disc("fit_tocoad", "evaluate_tocoad")),
    ("scoring", sets("scoring.sigma=5.0"), both(*FITS) | UNIFIED_FITS),
    ("calibration", sets("calibration.false_reject_rate=0.1"), both(*FITS) | UNIFIED_FITS),
    ("evaluation", sets("evaluation.bootstrap=7"), both(*EVALUATES) | UNIFIED_EVALUATES),
    ("compute", sets("compute.channels_last=false"), both(*TRAINS) | UNIFIED),
    ("gate, flow and another method", sets("gate.margin=0.1", "flow.retries=3", "train.mining_ramp=0.2"), set()),
    ("where it runs", sets("ray.stages.stage1.memory_gb=1", "ray.num_gpus=1", "ray.store=s3://bucket/x"), set()),
    ("the encoder's file", edits("encoder.safetensors"), both(*TRAINS) | UNIFIED),
    ("a texture image", edits("textures/one.png"), disc("synthesize", *OF_TOCOAD)),
    ("the profile", sets(profile="default"), both(*TRAINS) | UNIFIED),
]


def write_digests(context: StageContext) -> StageRecord:
    """As the stage would, all at once; `key` has the settings, the inputs and the outside files."""
    (stage,) = (
        stage for stage in METHODS[context.method].stages if context.output_dir.name.startswith(f".{stage.name}.")
    )
    data = {"none": "", "listed": "", "train": "train", "all": "."}[stage.data]
    own = context.settings.model_dump(mode="json", include=set(stage.params))
    outside = [content_digest(file) for file in outside_files(stage, context.settings)]
    read = [folder_digest(context.data_dir / data) if data else "", own, outside]
    for role, parts in METHODS[context.method].reads(stage).items():
        read += [content_digest(context.inputs[role] / part) for part in parts or ("",)]
    text = hashlib.sha256(json.dumps(read, sort_keys=True, default=str).encode()).hexdigest()
    for name in stage.writes:
        target = context.output_dir / name if "." in name else context.output_dir / name / "part"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return StageRecord()


@pytest.fixture(autouse=True)
def quick_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC reads and writes its files, most of its time, by code that keeps comments; here by libyaml's."""

    class Dumper(yaml.CSafeDumper):
        pass

    Dumper.add_representer(OrderedDict, lambda dumper, data: dumper.represent_dict(data.items()))
    module = "dvc.utils.serialize._yaml"
    monkeypatch.setattr(f"{module}.parse_yaml", lambda text, *_, **__: yaml.load(text, yaml.CSafeLoader) or {})
    monkeypatch.setattr(f"{module}._dump", lambda data, stream: yaml.dump(data, stream, Dumper, sort_keys=False))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    real = Stage.load
    monkeypatch.setattr(Stage, "load", lambda stage: real(stage) if stage.name in REAL else write_digests)
    root = tmp_path / "by the flow"
    root.mkdir()
    workspace = project_workspace(root)
    draw_toys(root)
    for name in (".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root)
    plan_categories(workspace, DISC.dataset, [DISC.name], "tocoad")
    plan_categories(workspace, DISC.dataset, [BAR.name], "recontrast_unified")
    (root / "textures").mkdir()
    for name in ("textures/one.png", "encoder.safetensors"):
        (root / name).write_text(name)
    outside = ["synthesis.texture_dir=textures", "encoder.path=encoder.safetensors", f"encoder.sha256={'a' * 64}"]
    few = ["split.calibration_min=2", "split.train_min=4"]
    override(workspace, parse_assignments([*outside, *few, "encoder.weights=file"]))
    monkeypatch.chdir(root)
    write_dvc_file(workspace, load_params(workspace).settings)
    return workspace


def by_the_flow(workspace: Workspace) -> tuple[set[str], bool]:
    """The DVC names of the jobs that a retrain runs: the flow's own steps, with the runner that needs no service. And
    whether `tocoad status` would have told just these before: it tells more where a list comes out the same.
    """
    params = load_params(workspace)
    stale = version.fn(workspace, DISC.dataset, [DISC, BAR], params, False)
    jobs = stale.jobs([DISC, BAR])
    decisions = Decisions(workspace, jobs, stale.names, stale.sources)
    runner, ran, unchanged = InProcess(workspace), set(), set()

    async def run(job: Job) -> bool:
        if decisions.begin(job):
            runner.submit(job, params.settings, sources=stale.sources[job.dvc_name]).result()
            ran.add(job.dvc_name)
        else:
            unchanged.add(job.dvc_name)
        return True

    lists = {job.dvc_name for job in jobs if job.stage.lists_images} & stale.names
    by_images = staleness.stale_by_images(workspace, lists) if lists else set()
    told = {job.dvc_name for job in foreseen(jobs, stale.names, by_images)}
    asyncio.run(run_in_order(jobs, run))
    assert told >= ran
    assert not record.commit(workspace, ran | (unchanged & stale.names), stale.sources)
    return ran, told == ran


def by_dvc(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Those that `dvc repro` runs; their commands are run here, each in a process would take seconds."""
    ran: set[str] = set()

    def run(_: Any, text: str, **__: Any) -> None:
        arguments = shlex.split(text)
        assert arguments[:3] == ["python", "-m", "tocoad"]
        assert command.main(arguments[3:]) == 0
        options = dict(zip(arguments[4::2], arguments[5::2], strict=True))
        method = f"_{options['--method']}" if "--method" in options else ""
        ran.add(f"{arguments[3]}{method}@{options.get('--category') or options['--dataset']}")

    with monkeypatch.context() as patch:
        patch.chdir(workspace.root)
        patch.setattr("dvc.stage.run._run", run)
        with Repo(str(workspace.root)) as repo:
            repo.reproduce()
    return ran


def test_every_change_runs_what_it_can_reach_and_the_same_by_the_flow_and_by_dvc(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One on top of the other: what the one leaves, the next finds."""
    every = disc(*ALL) | both("manifest", "fit_patchcore", "evaluate_patchcore") | LISTS | UNIFIED
    assert by_the_flow(workspace) == (every, True)
    twin = Workspace(workspace.root.with_name("by dvc"))
    shutil.copytree(workspace.root, twin.root)
    assert by_dvc(twin, monkeypatch) == set()
    found, untold = {}, []
    for name, change, _ in CHANGES:
        change(workspace)
        change(twin)
        monkeypatch.chdir(workspace.root)
        ran, told = by_the_flow(workspace)
        found[name] = (ran, by_dvc(twin, monkeypatch))
        untold += [] if told else [name]
    assert found == {name: (expected, expected) for name, _, expected in CHANGES}
    assert untold == ["a train image renamed", "split, and the same images on each side"]
    assert not staleness.stale(workspace, every)
