"""A flow is told of however it ends, and what is told of it fails nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.notify import Notice, Told, told_when_finished
from tests.helpers.environment import kept_environment
from tocoad.errors import StageError
from tocoad.files.workspace import Workspace

KEEP = "import pathlib, sys; pathlib.Path('told.json').write_bytes(sys.stdin.buffer.read())"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """What it is told lies in `told.json`. Who tells configures the services, which is the process's environment."""
    monkeypatch.delenv("TOCOAD_NOTIFY_WEBHOOK", raising=False)
    notify = {"command": [sys.executable, "-S", "-c", KEEP], "when": "changed", "tries": 1}
    place = Workspace(tmp_path)
    place.params_file.write_text(json.dumps({"profile": "p", "profiles": {"p": {}}, "notify": notify}))
    with kept_environment():
        yield place


def told(workspace: Workspace) -> Any:
    return json.loads((workspace.root / "told.json").read_text())


def notice(**parts: Any) -> Notice:
    return Notice(flow="watch", dataset="parts", text="watch parts: 1 alarm", **parts)


def test_a_flow_tells_what_it_has_to(workspace: Workspace) -> None:
    with told_when_finished(workspace, "watch", "parts") as ending:
        ending.notice = lambda: notice(alarms=(Told(category="gear", what="darker", why="p < 0.001"),))
    document = told(workspace)
    assert (document["flow"], document["text"], document["alarms"][0]["category"]) == (
        "watch",
        "watch parts: 1 alarm",
        "gear",
    )
    assert document["workspace"] == str(workspace.root) and ending.warnings == []


def test_one_that_an_error_ends_tells_that_and_the_error_goes_on(workspace: Workspace) -> None:
    with pytest.raises(StageError, match="is broken"), told_when_finished(workspace, "rollback", "parts", "gear"):
        raise StageError("version 2 is broken")
    document = told(workspace)
    assert document["text"] == "rollback parts.gear failed: version 2 is broken"
    assert (document["error"], document["failed"][0]["category"]) == ("version 2 is broken", "gear")


def test_one_that_learns_late_what_it_is_of_tells_as_much_as_it_knew(workspace: Workspace) -> None:
    with pytest.raises(StageError), told_when_finished(workspace, "score", None, name="line-3"):
        raise StageError("no package")
    document = told(workspace)
    assert (document["text"], document["dataset"]) == ("score line-3 failed: no package", None)
    assert document["failed"] == []
    with pytest.raises(StageError), told_when_finished(workspace, "score", None, name="line-3") as ending:
        ending.dataset, ending.category = "parts", "gear"
        raise StageError("a full disk")
    document = told(workspace)
    assert (document["text"], document["dataset"]) == ("score line-3 failed: a full disk", "parts")
    assert document["failed"][0]["category"] == "gear"


def test_one_that_is_stopped_has_not_finished(workspace: Workspace) -> None:
    with pytest.raises(KeyboardInterrupt), told_when_finished(workspace, "watch", "parts"):
        raise KeyboardInterrupt
    with pytest.raises(StageError), told_when_finished(workspace, "watch", "parts"):
        try:
            raise KeyboardInterrupt
        finally:
            raise StageError("what was open was closed")
    assert not (workspace.root / "told.json").exists()


def test_one_in_which_nothing_changed_is_told_to_nobody_who_asked_for_changes(workspace: Workspace) -> None:
    with told_when_finished(workspace, "watch", "parts") as ending:
        ending.notice = notice
    assert not (workspace.root / "told.json").exists() and ending.warnings == []


def test_a_fault_of_the_telling_is_a_warning(workspace: Workspace) -> None:
    with told_when_finished(workspace, "watch", "parts") as ending:
        ending.notice = lambda: notice(changed=None)
    (warning,) = ending.warnings
    assert warning.startswith("nobody was told that the flow has finished (ValidationError")
    workspace.params_file.write_text(workspace.params_file.read_text().replace(sys.executable, "no-such-command"))
    with told_when_finished(workspace, "watch", "parts") as ending:
        ending.notice = lambda: notice(error="MLflow is away")
    (warning,) = ending.warnings
    assert "no-such-command was not told" in warning


def test_settings_that_cannot_be_read_are_told_to_whom_the_environment_names(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.params_file.write_text("profile: [demo\n")
    monkeypatch.setenv("TOCOAD_NOTIFY_WEBHOOK", "no-address")
    with told_when_finished(workspace, "watch", "parts") as ending:
        ending.notice = lambda: notice(error="params.yaml is broken")
    (warning,) = ending.warnings
    assert warning.startswith("TOCOAD_NOTIFY_WEBHOOK: a webhook is an address")
