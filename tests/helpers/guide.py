"""The commands that a page of the guide shows, for the test that runs them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.helpers.project import PROJECT

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Guide:
    """A page below `docs/guide`, section by section."""

    def __init__(self, name: str) -> None:
        _, *parts = _HEADING.split((PROJECT / "docs/guide" / name).read_text(encoding="utf-8"))
        self._sections = dict(zip(parts[::2], parts[1::2], strict=True))

    def commands(self, section: str) -> list[str]:
        """The indented lines."""
        return _INDENTED.findall(self._sections[section])

    def python(self, section: str) -> str:
        (code,) = _PYTHON.findall(self._sections[section])
        return str(code)


def run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """As a user types it; its standard output. A command that fails fails the test with what it said."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
