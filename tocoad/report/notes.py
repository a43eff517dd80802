"""What the report's pages were made of, kept beside them: what has not changed is neither read nor written again."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tocoad.evaluation.comparison_files import RECORD_FILE as COMPARISON_RECORD
from tocoad.evaluation.files import CURVES, CURVES_DIR, METRICS_FILE, PREDICTIONS_FILE, REPLICATES_FILE
from tocoad.evaluation.gallery import GALLERY_DIR
from tocoad.evaluation.gallery import INDEX_FILE as GALLERY_INDEX
from tocoad.evaluation.latency import LATENCY_FILE
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Category, Workspace
from tocoad.report.row import SummaryRow
from tocoad.report.training import DISTANCES_FILE
from tocoad.settings.sections import CONTROL, MethodName
from tocoad.stages.graph import METHODS, detector_dir, evaluation_dir, output_dir
from tocoad.stages.running import RECORD_FILE
from tocoad.stages.stage import CURVES_FILE

NOTES_FILE = "notes.json"


@dataclass(frozen=True)
class Note:
    """`made_of` names what `row` was made of, `page_of` what the page was; None where none was written."""

    made_of: str
    row: SummaryRow
    page_of: str | None = None


_Notes = TypeAdapter(dict[str, Note])


def read_notes(folder: Path) -> dict[str, Note]:
    """By the categories' names; empty where they are missing or cannot be read, by this version or at all."""
    try:
        return _Notes.validate_json((folder / NOTES_FILE).read_bytes())
    except (OSError, ValidationError):
        return {}


def write_notes(folder: Path, notes: Mapping[str, Note]) -> None:
    write_whole(folder / NOTES_FILE, _Notes.dump_json(dict(notes)))


def made_of(workspace: Workspace, category: Category, method: MethodName, verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Names what a category's page is made of: its files by size and time, its verdicts, and the code that makes pages.

    A stage replaces its whole output, so pictures change together with their index.
    """
    digest = hashlib.sha256(_code().encode())
    digest.update(json.dumps([str(category), method, verdicts], sort_keys=True, default=str).encode())
    for file in _files(workspace, category, method):
        try:
            found = file.stat()
        except OSError:
            continue
        name = file.relative_to(workspace.root).as_posix()
        digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(workspace: Workspace, category: Category, method: MethodName) -> Iterator[Path]:
    """What `evidence` reads, whether or not it is there."""
    evaluation = evaluation_dir(workspace, category, method)
    yield workspace.comparison_dir(category) / COMPARISON_RECORD
    yield from (evaluation / name for name in (LATENCY_FILE, f"{GALLERY_DIR}/{GALLERY_INDEX}"))
    package = detector_dir(workspace, category, method)
    yield from sorted(package.rglob("*"))
    for stage in METHODS[method].stages:
        yield from (output_dir(workspace, category, method, stage) / name for name in (CURVES_FILE, RECORD_FILE))
    for one in dict.fromkeys((method, CONTROL)):
        folder = evaluation_dir(workspace, category, one)
        yield from (folder / name for name in (METRICS_FILE, PREDICTIONS_FILE, REPLICATES_FILE))
        yield from (folder / CURVES_DIR / f"{name}.csv" for name in CURVES)
        yield detector_dir(workspace, category, one).with_name(DISTANCES_FILE)


@functools.cache
def _code() -> str:
    """The digest of the sources and templates of this package."""
    digest = hashlib.sha256()
    for file in _walked(files("tocoad.report").iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _walked(entries: Iterable[Traversable]) -> Iterator[Traversable]:
    for entry in sorted(entries, key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walked(entry.iterdir())
        elif entry.name.endswith((".py", ".j2", ".css", ".js")):
            yield entry
