"""The plan in a file of its own: what DVC recorded stays, and its own commands do not read the plan for every job."""

from __future__ import annotations

import builtins
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from services.dvc import data, record, staleness
from services.dvc.repository import opened
from services.dvc.stages import load_graph
from tests.helpers.earlier_plan import plan_of_before
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.stand_in import stand_in
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.planning import plan_categories
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import Job, distinct, jobs_of
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.integration


def recorded(root: Path, size: int, monkeypatch: pytest.MonkeyPatch, before: bool = False) -> list[str]:
    """The jobs of a workspace in which all is made and recorded; `before`: with its plan in params.yaml."""
    workspace = project_workspace(root)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for number in range(size):
        folder = workspace.dataset_dir("set") / f"part{number:02d}" / "train" / "good"
        folder.mkdir(parents=True)
        (folder / "1.png").write_text(str(number))
    data.track_dataset(workspace, "set")
    monkeypatch.setattr(Stage, "load", stand_in)
    monkeypatch.setattr("os.fsync", lambda _: None)
    jobs = distinct(
        job for c in plan_categories(workspace, "set", None, "patchcore") for job in jobs_of(c, "patchcore")
    )
    if before:
        plan_of_before(workspace, load_params(workspace).plan)
    names = [job.dvc_name for job in jobs]
    run(workspace, jobs, names)
    record.commit(workspace, names)
    return names


def run(workspace: Workspace, jobs: tuple[Job, ...], names: list[str]) -> None:
    sources, settings = staleness.sources(workspace, names), load_params(workspace).settings
    for job in jobs:
        run_stage(workspace, job.owner, job.method, job.stage.name, settings, sources=sources[job.dvc_name])


def dvc_status(root: Path) -> dict[str, Any]:
    with Repo(str(root)) as repo:
        status: dict[str, Any] = repo.status()
    return status


def test_a_workspace_whose_plan_moves_has_nothing_to_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = recorded(tmp_path, 2, monkeypatch, before=True)
    workspace = Workspace(tmp_path)
    assert staleness.stale(workspace, names) == set() == set(dvc_status(tmp_path))
    plan_categories(workspace, "set")
    assert workspace.plan_file.is_file()
    assert staleness.stale(workspace, names) == set() == set(dvc_status(tmp_path))


def test_stages_are_kept_for_the_next_call_until_the_plan_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, workspace = recorded(tmp_path, 1, monkeypatch), Workspace(tmp_path)
    with opened(workspace) as repo:
        first = load_graph(repo)
    with opened(workspace) as repo:
        assert load_graph(repo) is first
    plan_categories(workspace, "set", None, "tocoad")
    with opened(workspace) as repo:
        assert len(load_graph(repo).pick([*names, "stage1@set/part00"])) == len(names) + 1
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    file = tmp_path / "dvc.yaml"
    file.write_text(file.read_text().replace("vars: [plan.yaml]", "vars: [plan.yaml, mine.yaml]"))
    with opened(workspace) as repo:
        second = load_graph(repo)
    with opened(workspace) as repo:
        assert load_graph(repo) is not second  # another file says what the stages are, and it may have changed


def test_dvc_status_reads_the_plan_once_however_many_jobs_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()
    opens = builtins.open

    def counting(file: Any, *rest: Any, **more: Any) -> Any:
        read[Path(file).name if isinstance(file, str | Path) else ""] += 1
        return opens(file, *rest, **more)

    for size in (1, 3):
        root = tmp_path / str(size)
        root.mkdir()
        names = recorded(root, size, monkeypatch)
        read.clear()
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "open", counting)
            assert dvc_status(root) == {}
        assert read["plan.yaml"] == 1
        assert read["params.yaml"] >= len(names)  # so that what is read for each is to stay small
        assert "part0" not in (root / "params.yaml").read_text()
