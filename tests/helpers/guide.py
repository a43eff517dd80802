"""The commands that a page of the guide shows, for the test that runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.helpers.project import PROJECT

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Guide:
    """A page below `docs/guide`, section by section."""

    def __init__(self, name: str) -> None:
        _, *parts = _HEADING.split((PROJECT / "docs/guide" / name).read_text(encoding="utf-8"))
        self._sections = dict(zip(parts[::2], parts[1::2], strict=True))

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(self._sections)

    def text(self, section: str) -> str:
        return self._sections[section]

    def commands(self, section: str) -> list[str]:
        """The indented lines; those of a fence are what a command said."""
        return _INDENTED.findall(_FENCED.sub("", self._sections[section]))

    def fenced(self, section: str, language: str) -> str:
        """What stands between fences of a language: `python`, `csv`, or as `text` what the commands said."""
        return "".join(text for named, text in _FENCED.findall(self._sections[section]) if named == language)


def typist() -> dict[str, str]:
    """The environment of whoever types: the `python`, `dvc` and `tocoad` of the tests, and somebody for git."""
    person = {f"GIT_{role}_{what}": "tester" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, **person, "PATH": path, "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}


def run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """As a user types it; its standard output. A command that fails fails the test with what it said."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def missing_lines(shown: str, said: str) -> list[str]:
    """Those lines of a page that no line of `said` has; `...` stands for anything."""
    return [line for line in shown.splitlines() if not re.search(wildcard(line.strip()), said)]


def wildcard(text: str) -> str:
    """A regular expression for a text in which `...` stands for anything of a line."""
    return ".*".join(re.escape(part.strip(" ")) for part in text.split("..."))
