"""A data set that changes in part: validated as it will be, then written anew as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocoad.data.changes import Changes, apply
from tocoad.data.copying import copy_file, link_tree
from tocoad.data.importing import THREADS
from tocoad.data.inventory import Inventory, take_inventory
from tocoad.data.layouts.detect import read_source
from tocoad.data.layouts.source import Source
from tocoad.data.problems import DataError, Problem
from tocoad.data.threads import thread_pool
from tocoad.data.validation import CheckedCategory, validate
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress, ProgressCallback

Plan = Callable[[Source], Changes]
"""Decides by what lies in a data set how it is to change."""


@dataclass(frozen=True)
class Rewrite:
    """A change that may be made: the data set would be valid. `inventory` is that of the data set as it will be."""

    changes: Changes
    inventory: Inventory
    gone: frozenset[str]
    contents: Mapping[str, str]
    files: int

    @property
    def steps(self) -> int:
        return self.files + len(self.contents)


def prepare(folder: Path, plan: Plan, split: SplitSettings, store: Path | None, progress: ProgressCallback) -> Rewrite:
    """Writes nothing. `folder` is the data set's, which need not be there; `store` is where links in it may lead.

    Raises DataError with every problem of the change, or of the data set as it would be.
    """
    present = read_source(folder, "mvtec", store)[1] if folder.is_dir() else Source()
    if present.problems:
        raise DataError(present.problems)
    changes = plan(present)
    after = apply(changes, present, folder)
    if not after.source.categories:
        raise DataError([Problem(folder, "nothing would be left of it; to give it up, remove it and its .dvc file")])
    categories = validate(after.source, split, THREADS, progress)
    warnings = tuple(sorted(after.source.warnings))
    inventory = Inventory("mvtec", tuple(take_inventory(category) for category in categories), warnings)
    files = sum(1 + (image.mask_sha256 is not None) for category in categories for image in category.images)
    return Rewrite(changes, inventory, after.gone, _contents(changes, categories), files)


def write(rewrite: Rewrite, folder: Path, target: Path, progress: ProgressCallback) -> None:
    """The data set in `folder`, changed, into the empty `target`."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(Progress(done, max(done, rewrite.steps)))

    if folder.is_dir():
        link_tree(folder, target, rewrite.gone, step)
    files = rewrite.changes.incoming
    for place in {(target / path).parent for path in files}:
        place.mkdir(parents=True, exist_ok=True)
    with thread_pool(THREADS) as pool:
        copies = pool.map(lambda path: copy_file(files[path], target / path, rewrite.contents[path]), files)
        for _ in copies:
            step()


def _contents(changes: Changes, categories: Sequence[CheckedCategory]) -> dict[str, str]:
    """sha256 of what comes, by its path, as it was when it was checked."""
    found: dict[str, str | None] = {}
    for category in categories:
        if category.name in changes.categories:
            for image in category.images:
                found[f"{category.name}/{image.source.path}"] = image.sha256
                found[f"{category.name}/{image.source.mask_path}"] = image.mask_sha256
    return {path: digest for path in changes.incoming if (digest := found[path]) is not None}
