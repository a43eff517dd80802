"""A data set that changes in part: validated as it will be, then written anew as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocoad.data.changes import Changes, apply
from tocoad.data.copying import copy_file, link_tree
from tocoad.data.groups import GROUPS_FILE
from tocoad.data.importing import THREADS
from tocoad.data.inventory import Inventory, take_inventory
from tocoad.data.layouts.detect import read_source
from tocoad.data.layouts.source import Source, SourceImage
from tocoad.data.problems import DataError, Problem
from tocoad.data.remembering import Memory, remember
from tocoad.data.threads import thread_pool
from tocoad.data.validation import CheckedCategory, validate
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress, ProgressCallback, silent

Plan = Callable[[Source], Changes]
"""Decides by what lies in a data set how it is to change."""


@dataclass(frozen=True)
class Rewrite:
    """A change that may be made: the data set would be valid. `inventory` is that of the data set as it will be."""

    changes: Changes
    inventory: Inventory
    gone: frozenset[str]
    tables: Mapping[str, str]
    categories: Sequence[CheckedCategory]


def prepare(
    folder: Path,
    plan: Plan,
    split: SplitSettings,
    store: Path | None = None,
    memory: Path | None = None,
    progress: ProgressCallback = silent,
) -> Rewrite:
    """Writes nothing. `folder` is the data set's, which need not be there; `store` is where links in it may lead, and
    `memory` the file with what was found of its images before.

    Raises DataError with every problem of the change, or of the data set as it would be.
    """
    refuse_loose_table(folder)
    present = read_source(folder, "mvtec", store)[1] if folder.is_dir() else Source()
    if present.problems:
        raise DataError(present.problems)
    changes = plan(present)
    after = apply(changes, present, folder)
    if not after.source.categories:
        raise DataError([Problem(folder, "nothing would be left of it; to give it up, remove it and its .dvc file")])
    recall = Memory(memory, folder).recall if memory is not None else _nothing
    categories = validate(after.source, split, THREADS, progress, recall)
    warnings = tuple(sorted(after.source.warnings))
    inventory = Inventory("mvtec", tuple(take_inventory(category) for category in categories), warnings)
    return Rewrite(changes, inventory, after.gone, after.tables, categories)


def write(
    rewrite: Rewrite, folder: Path, target: Path, memory: Path | None = None, progress: ProgressCallback = silent
) -> None:
    """The data set in `folder`, changed, into the empty `target`; what was found of its images into `memory`."""
    done = 0
    total = sum(1 + (image.mask_sha256 is not None) for found in rewrite.categories for image in found.images)

    def step() -> None:
        nonlocal done
        done += 1
        progress(Progress(done, max(done, total)))  # what is no image is linked too

    if folder.is_dir():
        link_tree(folder, target, rewrite.gone, step)
    files, contents = rewrite.changes.incoming, _contents(rewrite.changes, rewrite.categories)
    for place in {(target / path).parent for path in (*files, *rewrite.tables)}:
        place.mkdir(parents=True, exist_ok=True)
    for path, text in rewrite.tables.items():
        (target / path).write_text(text, encoding="utf-8")
    with thread_pool(THREADS) as pool:
        copies = pool.map(lambda path: copy_file(files[path], target / path, contents[path]), files)
        for _ in copies:
            step()
    if memory is not None:
        remember(memory, rewrite.categories, folder, target)


def refuse_loose_table(folder: Path) -> None:
    """Raises DataError for a table of groups beside the categories of a data set, where no stage would see it."""
    if (table := folder / GROUPS_FILE).is_file():
        way_out = f"move it elsewhere, then: tocoad data add --name {folder.name} --groups FILE"
        raise DataError([Problem(table, f"no stage reads it here, but in a category's folder; {way_out}")])


def _nothing(_: SourceImage) -> None:
    return None


def _contents(changes: Changes, categories: Sequence[CheckedCategory]) -> dict[str, str]:
    """sha256 of what comes, by its path, as it was when it was checked."""
    found: dict[str, str | None] = {}
    for category in categories:
        if category.name in changes.categories:
            for image in category.images:
                found[f"{category.name}/{image.source.path}"] = image.sha256
                found[f"{category.name}/{image.source.mask_path}"] = image.mask_sha256
    return {path: digest for path in changes.incoming if (digest := found[path]) is not None}
