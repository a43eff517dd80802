"""Whether a job has to run, when what it reads is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import Settings
from tocoad.stages.deciding import Decisions, foreseen
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import Job, jobs_of
from tocoad.stages.running import run_stage
from tocoad.stages.stage import StageContext, StageRecord

GEAR = Category("sample", "gear")
JOBS = jobs_of(GEAR, "patchcore")
MANIFEST, FIT, EVALUATE = (job.dvc_name for job in JOBS)
SOURCES = {job.dvc_name: "settings and images" for job in JOBS}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """All three have run."""
    monkeypatch.setattr(Stage, "load", lambda stage: lambda context: write(stage, context))
    workspace = Workspace(tmp_path)
    for job in JOBS:
        run(workspace, job)
    yield workspace


def write(stage: Stage, context: StageContext) -> StageRecord:
    """To each file what lies in `images`, but to the list of training images: it is of test images."""
    listed = context.data_dir / "images"
    text = listed.read_text() if listed.exists() else ""
    for name in stage.writes:
        target = context.output_dir / name if "." in name else context.output_dir / name / "part"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("" if name == "train.json" else text)
    return StageRecord()


def run(workspace: Workspace, job: Job, sources: str | None = "settings and images") -> None:
    run_stage(workspace, job.owner, job.method, job.stage.name, Settings(), sources=sources)


def ran(workspace: Workspace, stale: set[str], force: bool = False, jobs: Sequence[Job] = JOBS) -> list[str]:
    decisions = Decisions(workspace, jobs, stale, SOURCES, force)
    names = []
    for job in jobs:
        if decisions.begin(job):
            run(workspace, job)
            names.append(job.dvc_name)
    return names


def changes(workspace: Workspace) -> None:
    workspace.data_dir(GEAR).mkdir(parents=True)
    (workspace.data_dir(GEAR) / "images").write_text("another test image")


def test_what_reads_the_same_as_before_does_not_run(workspace: Workspace) -> None:
    assert ran(workspace, {MANIFEST}) == [MANIFEST]


def test_what_reads_something_else_runs_and_nothing_beside_it(workspace: Workspace) -> None:
    changes(workspace)
    assert ran(workspace, {MANIFEST}) == [MANIFEST, EVALUATE]


def test_a_wave_stops_where_an_output_came_out_the_same(workspace: Workspace) -> None:
    assert ran(workspace, {FIT}, jobs=JOBS[1:]) == [FIT]


def test_outputs_of_which_no_digest_was_noted_are_judged_alike(workspace: Workspace) -> None:
    """As `dvc repro` leaves them."""
    for job in JOBS:
        run(workspace, job, sources=None)
    changes(workspace)
    assert ran(workspace, {MANIFEST}) == [MANIFEST, EVALUATE]


def test_a_stale_job_whose_output_is_what_it_would_make_does_not_run(workspace: Workspace) -> None:
    assert ran(workspace, {MANIFEST, EVALUATE}) == [MANIFEST]


def test_a_stale_job_runs_whose_output_lacks_what_it_declares(workspace: Workspace) -> None:
    (JOBS[2].output_dir(workspace) / "predictions.csv").unlink()
    assert ran(workspace, {MANIFEST, EVALUATE}) == [MANIFEST, EVALUATE]


def test_force_runs_all(workspace: Workspace) -> None:
    assert ran(workspace, {job.dvc_name for job in JOBS}, force=True) == [MANIFEST, FIT, EVALUATE]


def test_what_will_run_is_told_before() -> None:
    def told(stale: set[str], by_images: set[str]) -> list[str]:
        return [job.dvc_name for job in foreseen(JOBS, stale, by_images)]

    assert told({MANIFEST, EVALUATE}, {MANIFEST}) == [MANIFEST, EVALUATE], "another test image"
    assert told({MANIFEST, FIT, EVALUATE}, {MANIFEST}) == [MANIFEST, FIT, EVALUATE], "another train image"
    assert told({MANIFEST}, set()) == [MANIFEST, FIT, EVALUATE], "another split: its readers will see"
    assert told({FIT}, set()) == [FIT, EVALUATE]
    assert told(set(), set()) == []
