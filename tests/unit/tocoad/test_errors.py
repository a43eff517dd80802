"""The tree of errors: every class is in it and on its page, and each kind is told in its own way."""

from __future__ import annotations

import ast
import builtins
import pickle
from pathlib import Path

import pytest

from tocoad import errors
from tocoad.errors import PassingError, SettingsError, StageError, TocoadError, UserError, exit_code, tell

PROJECT = Path(__file__).parents[3]
PACKAGES = ("cli", "flows", "tasks", "services", "tocoad")
PRIVATE = {"_UnfitError", "_OvertakenError", "Terminated"}
"""What the page names below its tree."""


def _classes() -> dict[str, tuple[str, set[str]]]:
    """Of every class in the packages its module and the names of its bases; nothing heavy is imported for it."""
    found = {}
    for file in (file for package in PACKAGES for file in (PROJECT / package).rglob("*.py")):
        module = ".".join(file.relative_to(PROJECT).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                found[node.name] = (module, {ast.unparse(base).rpartition(".")[2] for base in node.bases})
    return found


def _exceptions() -> dict[str, tuple[str, set[str]]]:
    classes, found = _classes(), {}
    known = {
        name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
    }
    while new := {name: entry for name, entry in classes.items() if name not in found and entry[1] & known}:
        found |= new
        known |= set(new)
    return found


def _page() -> dict[str, tuple[str | None, str | None]]:
    """Of each class on the page the one above it and the module that it says."""
    above: list[tuple[int, str]] = []
    listed: dict[str, tuple[str | None, str | None]] = {}
    for line in (errors.__doc__ or "").splitlines():
        words = line.split()
        if not line.startswith("    ") or not words[0].endswith("Error"):
            continue
        depth = len(line) - len(line.lstrip())
        above = [entry for entry in above if entry[0] < depth]
        told = words[1].rstrip(":") if len(words) > 1 and "." in words[1] else None
        listed[words[0]] = (above[-1][1] if above else None, told)
        above.append((depth, words[0]))
    return listed


def test_every_exception_class_of_ours_is_on_the_page_below_its_base_and_with_its_module() -> None:
    found, listed = _exceptions(), _page()
    assert set(found) - PRIVATE == set(listed)
    for name, (parent, module) in listed.items():
        assert module in (None, found[name][0]), name
        assert (parent or "Exception") in found[name][1], name


def test_only_the_root_of_the_tree_is_made_from_pythons_own_exceptions() -> None:
    own = {name: bases for name, (_, bases) in _exceptions().items() if name not in PRIVATE | {"TocoadError"}}
    assert all(bases & set(own) or "TocoadError" in bases for bases in own.values())
    assert {name for name, bases in own.items() if "ValueError" in bases} == {"SettingsError"}


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("bottle: no images"), 1, "error: bottle: no images\n"),
        (StageError("bottle: no images"), 1, "error: bottle: no images\n"),
        (SettingsError("stage1.lr: too large"), 2, "error: stage1.lr: too large\n"),
        (PassingError("the registry is busy"), 1, "error: the registry is busy\n"),
        (
            OSError(28, "No space left on device", "/data/x"),
            1,
            "error: [Errno 28] No space left on device: '/data/x'\n",
        ),
        (
            PermissionError(13, "Permission denied", "/data/x"),
            1,
            "error: [Errno 13] Permission denied: '/data/x': give this user the right to it, or name another place\n",
        ),
        (KeyError("gear"), 1, "error: KeyError: 'gear' (a defect of tocoad: please report it, with what the same "),
        (StageError("http://ann:secret@host/ is away"), 1, "error: http://***@host/ is away\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_ends_a_command_with_one_line_and_its_exit_code(
    error: Exception, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(error, debug=False) == code
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert told.count("\n") == 1


def test_with_debug_the_traceback_is_shown_without_passwords(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("http://ann:secret@host/")
    except KeyError as error:
        assert tell(error, debug=True) == 1
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert "secret" not in told


def test_ctrl_c_has_the_exit_code_of_its_signal() -> None:
    assert exit_code(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("kind", [UserError, StageError, SettingsError, PassingError])
def test_an_error_that_travelled_between_processes_is_the_same(kind: type[TocoadError]) -> None:
    back = pickle.loads(pickle.dumps(kind("bottle: no images")))
    assert (type(back), str(back)) == (kind, "bottle: no images")
