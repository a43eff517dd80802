"""Every command ends alike: 0, 1, 2, 130 or 143, and one line that says why."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from cli.main import main, parser
from services.interrupts import Terminated
from tests.unit.cli.test_main import COMMANDS
from tocoad.errors import PassingError, SettingsError, StageError

ARGUMENTS = {
    "data add": ["images", "--name", "set"],
    "data check": ["images"],
    "sample": [],
    "gc": ["set", "--keep", "1"],
    "predict": ["models:/set.part@champion", "images"],
    "promote": ["set", "part"],
    "rollback": ["set", "part", "--reason", "why"],
    "approve": ["set", "part", "--reason", "why"],
    "remote": [],
    "remote set": ["../store"],
    "remote check": [],
    "remote show": [],
    "study": ["study.yaml"],
    "watch": ["set", "--images", "images"],
    "score": ["models:/set.part@champion", "images", "--out", "scores.csv"],
    "export": ["models:/set.part@champion", "--format", "onnx", "--out", "exported"],
    "serve": ["models:/set.part@champion"],
    "doctor": [],
    "completion": ["bash"],
}
# They have something to do anywhere, and those of the second line ask nobody where they are.
ANYWHERE = (["init"], ["doctor"], ["completion"])
PLACELESS = (["init"], ["completion"])
ENDS = [
    (SettingsError("seed: too low"), 2, "error: seed: too low\n"),
    (StageError("gear: no images"), 1, "error: gear: no images\n"),
    (PassingError("the registry is busy"), 1, "error: the registry is busy\n"),
    (FileNotFoundError(2, "No such file or directory"), 1, "error: [Errno 2] No such file or directory\n"),
    (ZeroDivisionError("1 / 0"), 1, "error: ZeroDivisionError: 1 / 0 (a defect of tocoad: please report it"),
    (KeyboardInterrupt(), 130, "interrupted: what was finished is kept"),
    (Terminated(), 143, "terminated: what was finished is kept"),
]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an image in it, and no workspace around it."""
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / "0.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def line_of(command: list[str]) -> list[str]:
    return [*command, *ARGUMENTS.get(" ".join(command), ["set"])]


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in ANYWHERE], ids=" ".join)
def test_outside_of_a_workspace_every_command_ends_with_2(
    command: list[str], nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line_of(command)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and str(nowhere) in said and said.count("\n") == 1


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in PLACELESS], ids=" ".join)
@pytest.mark.parametrize(("error", "code", "line"), ENDS, ids=[type(error).__name__ for error, _, _ in ENDS])
def test_whatever_ends_a_command_has_its_exit_code_and_one_line(
    command: list[str],
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It comes from the operating system, so to say: each command asks for its current folder."""

    def fail() -> NoReturn:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Path, "cwd", fail)
        ended = main(line_of(command))
    said = capsys.readouterr().err
    assert (ended, said.count("\n")) == (code, 1), said
    assert said.startswith(line)


def takes_json(command: list[str]) -> bool:
    with redirect_stderr(StringIO()), suppress(SystemExit):
        return bool(parser().parse_args([*line_of(command), "--json"]).json)
    return False


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", filter(takes_json, COMMANDS), ids=" ".join)
def test_a_command_that_fails_under_json_leaves_one_document_that_says_why(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> NoReturn:
        raise StageError("gear: no images\ngear: no masks")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "cwd", fail)
        ended = main([*line_of(command), "--json"])
    said = capsys.readouterr()
    assert (ended, json.loads(said.out)) == (1, {"error": "gear: no images"})
    assert said.err == "error: gear: no images\ngear: no masks\n"
