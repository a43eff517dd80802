"""A virtual environment that has a few packages and what they need, and nothing else of the tests' own."""

from __future__ import annotations

import re
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path


def bare_python(folder: Path, *packages: str) -> Path:
    """Its `python`. The packages are links to those that are installed here: no index is asked."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    for found in _with_needs(packages):
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            target = site / top
            if not target.exists():
                target.symlink_to(Path(str(found.locate_file(top))))
    return folder / "bin" / "python"


def _with_needs(packages: tuple[str, ...]) -> Iterator[Distribution]:
    open_, seen = list(packages), set()
    while open_:
        name = open_.pop()
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        yield found
        for need in found.requires or ():
            if "extra ==" not in need:
                open_.append(re.split(r"[\s<>=!~;\[(]", need, maxsplit=1)[0])
