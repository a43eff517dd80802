"""What `tocoad data add` tells of a change: tables before anything is written, one document for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.console import add_row, console_of, print_line, titled
from cli.document import print_document
from cli.figures import SHOWN_MAX

if TYPE_CHECKING:
    from services.datasets import ChangedDataset
    from tocoad.data.merging import Comparison, Comparisons

_LISTED = 5  # files of one kind and category


def show_comparisons(comparisons: Comparisons, whole: bool) -> None:
    """A row a category that would change, with the files below; of many, where the most would."""
    console = console_of()
    touched = {name: found for name, found in comparisons.items() if _touched(found)}
    shown = sorted(touched, key=lambda name: (-_touched(touched[name]), name))[: None if whole else SHOWN_MAX]
    table = titled("files, masks too")
    table.add_column("category")
    for column in ("new", "identical", "in conflict", "removed"):
        table.add_column(column, justify="right")
    for name in sorted(shown):
        add_row(table, name, *map(str, _counts(comparisons[name])))
    if len(shown) < len(comparisons) or len(comparisons) > 1:
        table.add_section()
        every = [sum(column) for column in zip(*map(_counts, comparisons.values()), strict=True)] or [0] * 4
        add_row(table, f"all {len(comparisons)}", *map(str, every), style="bold")
    console.print(table)
    for name in sorted(shown):
        for line in _lines(comparisons[name], whole):
            print_line(console, line)
    if rest := len(touched) - len(shown):
        print_line(console, f"and {rest} more categories that change; --all lists all, --json tells of all")


def _lines(found: Comparison, whole: bool) -> Iterable[str]:
    yield from _listed("new", found.new, whole)
    yield from _listed("in conflict", [f"{path} and {file}" for path, file in found.conflicts.items()], whole)
    yield from _listed("removed", found.removed, whole)
    yield from _listed("grouped", [f"{path} as {group}" for path, group in found.grouped.items()], whole)
    if whole:
        yield from _listed("identical", found.identical, whole)


def _listed(kind: str, names: Sequence[str], whole: bool) -> Iterable[str]:
    names = sorted(names)
    shown = names if whole or len(names) <= _LISTED + 1 else names[:_LISTED]
    yield from (f"{kind}: {name}" for name in shown)
    if rest := len(names) - len(shown):
        yield f"{kind}: and {rest} more; --all lists all"


def _counts(found: Comparison) -> tuple[int, ...]:
    return len(found.new), len(found.identical), len(found.conflicts), len(found.removed)


def _touched(found: Comparison) -> int:
    return len(found.new) + len(found.conflicts) + len(found.removed) + len(found.grouped)


def print_changes(
    name: str,
    dry_run: bool,
    comparisons: Comparisons,
    done: ChangedDataset | None,
    back: str | None = None,
    error: str | None = None,
) -> None:
    """On standard output. `done` is None where there is an error; `back` is how to get the version before."""
    images = {found.name: asdict(found) for found in done.inventory.categories} if done else {}
    document: dict[str, Any] = {
        "dataset": name,
        "dry_run": dry_run,
        "version": {"before": done.before, "after": done.after, "back": back} if done else None,
        "categories": {
            category: {
                "new": found.new,
                "identical": found.identical,
                "conflicts": [{"path": path, "file": str(file)} for path, file in found.conflicts.items()],
                "removed": found.removed,
                "grouped": found.grouped,
            }
            for category, found in comparisons.items()
        },
        "images": images,
        "warnings": [str(warning) for warning in done.inventory.warnings] if done else [],
        "error": error,
    }
    print_document(document)


def last_line(name: str, dry_run: bool, done: ChangedDataset, back: str | None) -> str:
    """What has come of it, what to do next, and how to get the version before."""
    if dry_run:
        return f"data set {name!r}: nothing was written (--dry-run)"
    if done.before == done.after:
        return f"data set {name!r} has all of it already: still version {done.after}"
    next_step = f"next: tocoad retrain {name}"
    if done.before is None:
        return f"data set {name!r} is in data/{name}, version {done.after}; {next_step}"
    return f"data set {name!r}: version {done.before} is now {done.after}; {next_step}; to go back: {back}"
