"""After a run that broke off: what it had finished is recorded, what it had not is left to run.

The project's own graph, on a real DVC repository; the stages write what dvc.yaml wants of them, in no time.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.dvc import data, record, staleness
from services.dvc.adoption import adopt
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.stand_in import stand_in
from tocoad.errors import StageError
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params, override, parse_assignments
from tocoad.settings.planning import plan_categories
from tocoad.settings.sections import MethodName
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import Job, distinct, jobs_of
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.integration


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two categories; every stage writes the files that dvc.yaml names, with the settings that decide them."""
    workspace = project_workspace(tmp_path)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for category in ("a", "b"):
        folder = workspace.dataset_dir("set") / category / "train" / "good"
        folder.mkdir(parents=True)
        (folder / "1.png").write_text(category)
    data.track_dataset(workspace, "set")
    monkeypatch.setattr(Stage, "load", stand_in)
    return workspace


def chains(workspace: Workspace, method: MethodName) -> tuple[Job, ...]:
    categories = plan_categories(workspace, "set", None, method)
    return distinct(job for category in categories for job in jobs_of(category, method))


def names(jobs: tuple[Job, ...]) -> set[str]:
    return {job.dvc_name for job in jobs}


def run(workspace: Workspace, jobs: tuple[Job, ...]) -> None:
    """As a flow that is killed before its commit."""
    sources = staleness.sources(workspace, [job.dvc_name for job in jobs])
    settings = load_params(workspace).settings
    for job in jobs:
        run_stage(workspace, job.owner, job.method, job.stage.name, settings, sources=sources[job.dvc_name])


def adopted(workspace: Workspace, jobs: tuple[Job, ...], stale: set[str]) -> set[str]:
    return adopt(workspace, jobs, stale, staleness.sources(workspace, stale))


@pytest.mark.parametrize("method", ["patchcore", "recontrast_unified"])
def test_finished_stages_of_every_category_are_recorded_and_dvc_agrees(
    workspace: Workspace, method: MethodName
) -> None:
    jobs = chains(workspace, method)
    # The run broke off while the last category's last stage ran.
    run(workspace, jobs[:-1])
    assert staleness.stale(workspace, names(jobs)) == names(jobs)
    assert adopted(workspace, jobs, names(jobs)) == names(jobs[:-1])
    assert staleness.stale(workspace, names(jobs)) == {jobs[-1].dvc_name}


def test_what_reads_from_a_stage_that_will_run_is_not_recorded(workspace: Workspace) -> None:
    jobs = chains(workspace, "patchcore")
    run(workspace, jobs)
    (workspace.root / "work/set/a/patchcore/fit/detector/detector.json").write_text("changed by hand")
    left = {"fit_patchcore@set/a", "evaluate_patchcore@set/a"}
    assert adopted(workspace, jobs, staleness.stale(workspace, names(jobs))) == names(jobs) - left
    assert staleness.stale(workspace, names(jobs)) == left


def test_a_changed_setting_or_image_leaves_what_it_decides_unrecorded(workspace: Workspace) -> None:
    jobs = chains(workspace, "patchcore")
    run(workspace, jobs)
    override(workspace, parse_assignments(["bank.scales=[1.5]"]))
    (workspace.dataset_dir("set") / "b/train/good/2.png").write_text("new")
    data.track_dataset(workspace, "set")
    # What follows it in the chain would run after it, so it is not recorded either.
    assert adopted(workspace, jobs, staleness.stale(workspace, names(jobs))) == {"manifest@set/a"}


def test_outputs_that_an_older_dvc_yaml_wanted_run_again(workspace: Workspace) -> None:
    jobs = chains(workspace, "patchcore")
    run(workspace, jobs)
    file = workspace.root / "dvc.yaml"
    wanted = file.read_text().replace("/manifest/train.json: {", "/manifest/more.json: {", 1)
    assert wanted != file.read_text()
    file.write_text(wanted)
    assert adopted(workspace, jobs, names(jobs)) == set()


def test_a_lock_file_is_replaced_in_one_step(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk while DVC writes its record leaves the record before."""
    jobs = chains(workspace, "patchcore")
    run(workspace, jobs)
    first = {job.dvc_name for job in jobs[:1]}
    record.commit(workspace, first)
    lock = workspace.root / "dvc.lock"
    before = lock.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dvc.utils.serialize._yaml._get_yaml", full)
    with pytest.raises(StageError, match="no room on its disk"):
        record.commit(workspace, names(jobs))
    assert lock.read_bytes() == before
    monkeypatch.undo()
    assert staleness.stale(workspace, names(jobs)) == names(jobs) - first
    assert not list(workspace.root.glob("*incoming*"))
