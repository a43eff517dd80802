"""What the code says when something is wrong: every text in it, with `...` in the place of what it fills in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_ROOMS = ("cli", "flows", "tasks", "services", "tocoad")


def texts_of_the_code(root: Path) -> Iterator[str]:
    for room in _ROOMS:
        for file in sorted(root.glob(f"{room}/**/*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
