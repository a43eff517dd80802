"""What `tocoad doctor` prints where there is no workspace, and where there is a broken one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.helpers.environment import kept_environment
from tests.helpers.project import project_workspace


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with kept_environment():
        yield


def findings(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """The document, and its findings by what they are of; of several the last."""
    document = json.loads(capsys.readouterr().out)
    return document, {one["check"]: one for one in document["findings"]}


def test_outside_of_a_workspace_it_tells_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["doctor", "--json"])
    document, found = findings(capsys)
    assert code == (1 if document["state"] == "bad" else 0)
    assert {"tocoad", "python", "platform", "torch", "prefect", "mlflow", "ray", "dvc"} <= document.keys()
    assert found["workspace"]["state"] == "warn"
    assert "tocoad init DIR" in found["workspace"]["do"]
    assert {"packages", "device", "memory", "weights", "disk"} <= found.keys()
    assert list(tmp_path.iterdir()) == []


def test_broken_settings_are_a_finding_and_the_rest_is_looked_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = project_workspace(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    workspace.params_file.write_text(workspace.params_file.read_text() + "\nstage9:\n  lr: 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    assert main(["doctor", "--json"]) == 1
    document, found = findings(capsys)
    assert document["state"] == found["settings"]["state"] == "bad"
    assert "stage9" in found["settings"]["text"]
    assert {"disk", "runs", "git", "store", "MLflow", "Prefect"} <= found.keys()
    assert str(tmp_path.parent) not in json.dumps(document)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "bad" in shown and "stage9" in shown
