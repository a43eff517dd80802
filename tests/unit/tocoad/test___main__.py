"""`python -m tocoad`: which stage of whose it runs, and wrong usage in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.helpers.leases import said, start_holder
from tests.helpers.processes import wait_until
from tests.helpers.project import project_workspace
from tocoad import __main__ as command
from tocoad.files.workspace import Workspace
from tocoad.settings.planning import plan_categories


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Owner, method and name of the stages that would have run, in a workspace of two data sets."""
    workspace = project_workspace(tmp_path)
    for name in ("sample/gear", "sample/plate", "other/gear"):
        (tmp_path / "data" / name).mkdir(parents=True)
    plan_categories(workspace, "sample", None, "recontrast_unified")
    plan_categories(workspace, "other", None, "tocoad")
    monkeypatch.chdir(tmp_path)
    calls: list[tuple[str, str, str]] = []

    def run(_workspace: Workspace, owner: Any, method: str, name: str, *_: Any) -> None:
        calls.append((str(owner), method, name))

    monkeypatch.setattr("tocoad.stages.runner.run_stage", run)
    return calls


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fit", "--category", "plate"], ("sample/plate", "recontrast_unified", "fit")),
        (["fit", "--category", "sample/gear", "--method", "patchcore"], ("sample/gear", "patchcore", "fit")),
        (["fit", "--category", "other/gear"], ("other/gear", "tocoad", "fit")),
        (["stage1", "--category", "plate"], ("sample/plate", "tocoad", "stage1")),
        (["train_unified", "--dataset", "sample"], ("sample", "recontrast_unified", "train_unified")),
    ],
)
def test_the_stage_that_runs(ran: list[Any], arguments: list[str], expected: tuple[str, ...]) -> None:
    assert command.main(arguments) == 0
    assert ran == [expected]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train_unified", "--category", "plate"], "train_unified is a stage of a dataset: name it with --dataset"),
        (["fit", "--dataset", "sample"], "fit is a stage of a category: name it with --category"),
        (["train_unified", "--dataset", "sampel"], "did you mean 'sample'?"),
        (["fit", "--category", "gear"], "write one of other/gear, sample/gear"),
    ],
)
def test_wrong_usage_is_one_line(
    ran: list[Any], arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not ran


def test_what_lies_in_a_users_folder_is_not_imported(tmp_path: Path) -> None:
    for name in ("argparse", "pydantic", "queue", "services", "tasks", "torch", "types"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError(__file__)\n")
    command = [sys.executable, "-m", "tocoad", "manifest", "--category", "set/part"]
    env = {name: text for name, text in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/params.yaml is missing")


MANIFEST = ["manifest", "--category", "sample/gear"]


@pytest.fixture
def other(ran: list[Any], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run, which works on the category."""
    process = start_holder(tmp_path, "tocoad retrain sample", "sample/gear")
    assert said(process) == "held"
    yield process
    process.kill()
    process.communicate()


def ends(other: subprocess.Popen[str], record: Path | None = None) -> None:
    """When somebody waits for it; with `record` it has written that."""
    leases = (Path.cwd() / ".services/leases").glob
    wait_until("somebody who waits", lambda: len(list(leases("[0-9]*"))) == 2, 60, 0.05)
    if record is not None:
        record.parent.mkdir(parents=True)
        record.write_text('{"seconds": 1.0, "metrics": {}}')
    other.communicate("end\n")


def test_a_stage_waits_for_another_run_and_then_does_its_work(ran: list[Any], other: subprocess.Popen[str]) -> None:
    thread = Thread(target=ends, args=(other,))
    thread.start()
    assert command.main(MANIFEST) == 0
    thread.join()
    assert [(owner, name) for owner, _, name in ran] == [("sample/gear", "manifest")]


def test_a_stage_that_another_run_did_meanwhile_is_left_as_it_is(
    ran: list[Any], other: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = Thread(target=ends, args=(other, tmp_path / "work/sample/gear/manifest/record.json"))
    thread.start()
    assert command.main(MANIFEST) == 1
    thread.join()
    assert not ran
    # The other may have ended before this one has told that it waits.
    *waited, told = capsys.readouterr().err.splitlines()
    assert all(line.startswith(f"waiting for tocoad retrain sample (process {other.pid} on ") for line in waited)
    assert told.endswith("manifest of sample/gear was done by another run while this one waited: run the same again")


@pytest.mark.parametrize("how", ["option", "environment"])
def test_how_long_a_stage_waits_is_the_users_to_say(
    ran: list[Any], other: subprocess.Popen[str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "environment":
        monkeypatch.setenv("TOCOAD_WAIT", "0")
    assert command.main([*MANIFEST, *(["--wait", "0"] if how == "option" else [])]) == 1
    assert command.main([*MANIFEST, "--wait", "soon"]) == 2
    assert not ran
    assert command.main(["manifest", "--category", "sample/plate", "--wait", "0"]) == 0
