"""The command line itself: help, usage errors, and what it costs to start."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from cli.main import main
from tocoad.methods.table import TABLE

COMMANDS = (
    ["init"],
    ["data", "add"],
    ["data", "check"],
    ["feedback"],
    ["sample"],
    ["retrain"],
    ["status"],
    ["history"],
    ["evaluate"],
    ["report"],
    ["predict"],
    ["export"],
    ["score"],
    ["serve"],
    ["promote"],
    ["rollback"],
    ["approve"],
    ["push"],
    ["remote"],
    ["remote", "check"],
    ["remote", "set"],
    ["remote", "show"],
    ["gc"],
    ["restore"],
    ["study"],
    ["watch"],
    ["doctor"],
    ["completion"],
)


@pytest.mark.parametrize("command", (["data"], *COMMANDS), ids=" ".join)
def test_every_command_has_help_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert f"example:\n  tocoad {' '.join(command)}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["retran", "x"],
        ["init"],
        ["init", ""],
        ["retrain"],
        ["retrain", "x", "--method", "magic"],
        ["promote", "x"],
        ["promote", "x", "gear", "--version", "last"],
        ["rollback", "x", "gear"],
        ["approve", "x", "gear", "--reject"],
        ["predict", "models:/x.gear@champion", ""],
        ["predict", "models:/x.gear@champion", "images", "--out", ""],
        ["export", "x", "--format", "onnx"],
        ["export", "x", "--format", "tflite", "--out", "y"],
        ["score", "models:/x.gear@champion", "images"],
        ["score", "models:/x.gear@champion", "", "--out", "scores.csv"],
        ["data", "add", "", "--name", "x"],
        ["data", "add", "new", "--name", "x", "--replace", "--replace-all"],
        ["data", "check", ""],
        ["study", ""],
        ["gc", "x"],
        ["gc", "x", "--keep", "-1"],
        ["gc", "x", "--keep", "1", "--min-age", "soon"],
        ["feedback"],
        ["feedback", "x", "gear", ""],
        ["serve"],
        ["serve", ""],
        ["serve", "folder", "--port", "70000"],
        ["serve", "folder", "--timeout", "0"],
        ["watch", "x"],
        ["watch", "x", "--images", ""],
        ["restore"],
        ["restore", "x", "--rev", "main", "--version", "gear@1"],
        ["completion"],
        ["completion", "fish"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: tocoad" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["retrain", "x"], ["remote", "set", "x"], ["remote"], ["data", "check", "x"]])
def test_an_unknown_option_is_answered_with_the_usage_of_its_command(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--methd=x"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    name = " ".join(["tocoad", *(word for word in command if word != "x")])
    assert said.startswith(f"usage: {name} [-h]")
    assert said.endswith(f"{name}: error: unrecognized arguments: --methd=x\n")


def test_outside_of_a_workspace_it_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["retrain", "x"]) == 2
    said = capsys.readouterr().err
    assert "is not in a workspace (params.yaml, dvc.yaml): change to one, or make one: tocoad init DIR" in said


def test_a_stream_that_was_closed_takes_a_document_without_a_word() -> None:
    code = "import json, sys; from cli import streams; streams.take_every_character(); json.dump({}, sys.stdout)"
    done = subprocess.run(["sh", "-c", f'"$0" -c "{code}" >&-', sys.executable], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_retrain_pushes_unless_it_is_told_not_to() -> None:
    from cli.main import parser

    assert [parser().parse_args(["retrain", "x", *more]).push for more in ([], ["--no-push"])] == [True, False]


def test_several_categories_and_settings_follow_one_option() -> None:
    from cli.main import parser

    options = parser().parse_args(["retrain", "d", "--categories", "a", "b", "--set", "x.y=1", "z=2", "--json"])
    assert (options.categories, options.assignments, options.json) == (["a", "b"], ["x.y=1", "z=2"], True)


def test_the_version_says_what_else_decides(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"tocoad {version('tocoad')}")
    assert f"torch {version('torch')}" in second


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, cli.main; cli.main.parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {"torch", "numpy", "prefect", "ray", "mlflow", "dvc", "cv2", "rich", "pydantic"}
    assert not heavy & loaded


@pytest.mark.parametrize("name", TABLE)
def test_every_method_can_be_named(name: str) -> None:
    from cli.main import parser

    assert parser().parse_args(["retrain", "d", "--method", name]).method == name
