"""Which code a stage runs, and whether somebody has said of its last change what it does to the numbers.

A changed number is a new `revision` of the stage; a change that leaves them as they are is signed. `code.txt` holds a
digest of every module that a stage imports, as it was when last signed, and the revision that it was signed for.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tocoad.files.replacing import write_whole
from tocoad.stages.dvc_file import Entry

_FILE = Path("tocoad/stages/code.txt")
_HEAD = """\
# Written by `python -m tocoad graph --sign`: the code that stages import, without its comments, and their revisions.
# Lines that meet in a merge may all stay; the next signature takes away what is old.
"""


def is_signable(root: Path) -> bool:
    """Whether this is a checkout; a workspace may be a copy without the code."""
    return (root / _FILE).is_file()


def unsigned(root: Path, stages: Sequence[Entry]) -> dict[str, list[str]]:
    """Modules that have changed since they were signed, each with the stages that import it and still have the revision
    of then.
    """
    digests, revisions = _read(root)
    present = {entry.name: str(entry.stage.revision) for entry in stages}
    found = {}
    for module, names in _importers(root, stages).items():
        if _source(root, module).digest not in digests.get(module, ()):
            found[module] = [name for name in names if present[name] in revisions.get(name, ("1",))]
    return {module: names for module, names in found.items() if names}


def unsigned_text(changed: Mapping[str, list[str]]) -> str:
    """What to do about them, in one line."""
    modules = "; ".join(f"{module} (of {', '.join(names)})" for module, names in sorted(changed.items()))
    return (
        f"changed code of stages: {modules}. If it can change a number, raise the `revision` of these stages in "
        "tocoad/methods/*/method.py or tocoad/stages/shared.py; then, as for a change that cannot, run "
        "python -m tocoad graph --sign and commit what it writes"
    )


def sign(root: Path, stages: Sequence[Entry]) -> None:
    modules = [f"{module} {_source(root, module).digest}" for module in _importers(root, stages)]
    lines = [*sorted(modules), *sorted(f"stage:{entry.name} {entry.stage.revision}" for entry in stages)]
    write_whole(root / _FILE, (_HEAD + "\n".join(lines) + "\n").encode())


def _read(root: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Digests by module and revisions by stage: more than one where a merge has kept both sides' lines."""
    digests: dict[str, set[str]] = {}
    revisions: dict[str, set[str]] = {}
    for line in (root / _FILE).read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(" ")
        if name.startswith("tocoad."):
            digests.setdefault(name, set()).add(value)
        elif name.startswith("stage:"):
            revisions.setdefault(name.removeprefix("stage:"), set()).add(value)
    return digests, revisions


def _importers(root: Path, stages: Sequence[Entry]) -> dict[str, list[str]]:
    """By module, the stages that import it, at whatever distance."""
    imports: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for entry in stages:
        reached: set[str] = set()
        ahead = [place.partition(":")[0] for place in _places(entry)]
        while ahead:
            module = ahead.pop()
            if module in reached:
                continue
            reached.add(module)
            if module not in imports:
                # A name may be a module's, or a function's in one.
                imports[module] = [name for name in _source(root, module).names if _file(root, name).is_file()]
            ahead += imports[module]
        for module in sorted(reached):
            found.setdefault(module, []).append(entry.name)
    return found


def _places(entry: Entry) -> Iterator[str]:
    """What is loaded by its name: the stage's function, and the networks of a detector that it reads."""
    yield entry.stage.function
    if "detector" in entry.stage.inputs:
        for method in entry.methods:
            yield from method.models.values()


def _file(root: Path, module: str) -> Path:
    path = root.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@dataclass(frozen=True)
class _Source:
    """A file's digest, and the modules that it names, in whatever function."""

    digest: str
    names: tuple[str, ...]


def _source(root: Path, module: str) -> _Source:
    return _looked_at(_file(root, module).read_bytes())


@cache
def _looked_at(content: bytes) -> _Source:
    tree = ast.parse(content)
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    digest = hashlib.sha256(repr(_said(tree)).encode()).hexdigest()[:16]
    return _Source(digest, tuple(dict.fromkeys(name for name in names if name.partition(".")[0] == "tocoad")))


def _said(node: Any) -> Any:
    """The syntax tree without what makes no number: layout, comments, docstrings, and what an error says. Empty parts
    are left out: newer Pythons have more of them.
    """
    if isinstance(node, list):
        return [_said(part) for part in node if not _is_text(part)]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return "Raise", _said(node.exc.func)
    parts = [(name, _said(part)) for name, part in ast.iter_fields(node) if name not in ("ctx", "kind", "type_comment")]
    return type(node).__name__, [(name, part) for name, part in parts if part is not None and part != []]


def _is_text(node: Any) -> bool:
    """A text that stands as a statement: a docstring, or one below a constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
