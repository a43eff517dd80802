"""A data set is checked as a whole, then copied byte for byte into the canonical tree, and only then takes its place.

<target>/<category>/{train/good, test/<good | defect type>, ground_truth/<defect type>/<stem>_mask.*}
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tocoad.data.copying import copy_file
from tocoad.data.groups import GROUPS_FILE, Groups
from tocoad.data.inventory import Inventory, take_inventory
from tocoad.data.layouts.detect import Layout, read_source
from tocoad.data.layouts.source import named_groups
from tocoad.data.problems import DataError, Problem
from tocoad.data.remembering import remember
from tocoad.data.threads import in_batches, thread_pool
from tocoad.data.validation import CheckedCategory, CheckedImage, validate
from tocoad.files.replacing import replacing
from tocoad.files.workspace import Category
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress, ProgressCallback, silent

THREADS = min(8, os.cpu_count() or 1)


def check_dataset(
    source: Path,
    layout: Layout,
    split: SplitSettings,
    progress: ProgressCallback | None = None,
    store: Path | None = None,
) -> Inventory:
    """Writes nothing. Raises DataError with every problem found. Links may lead to DVC's cache, the folder `store`."""
    inventory, *_ = _check(source, layout, split, progress or silent, store)
    return inventory


def import_dataset(
    source: Path,
    target: Path,
    layout: Layout,
    split: SplitSettings,
    progress: ProgressCallback | None = None,
    store: Path | None = None,
    before_writing: Callable[[Inventory], object] | None = None,
    memory: Path | None = None,
) -> Inventory:
    """`target` is the data set's folder; an earlier version of it is replaced as a whole, or stays as it is.

    Raises DataError with every problem found. Progress counts the images twice: checked, then copied. `before_writing`
    is called in between. What was found of the images is kept in the file `memory`.
    """
    progress = progress or silent
    _check_target(source, target)

    def first_half(checked: Progress) -> None:
        progress(Progress(checked.step, 2 * checked.total))

    inventory, categories, tables = _check(source, layout, split, first_half, store)
    if before_writing is not None:
        before_writing(inventory)
    with replacing(target) as folder:
        _copy(categories, folder, progress)
        for name, groups in tables.items():
            (folder / name / GROUPS_FILE).write_text(groups.text, encoding="utf-8")
        if memory is not None:
            remember(memory, categories, target, folder)
    return inventory


def _check(
    root: Path, layout: Layout, split: SplitSettings, progress: ProgressCallback, store: Path | None
) -> tuple[Inventory, Sequence[CheckedCategory], Mapping[str, Groups]]:
    """With the groups of each category that has a table: of its images one by one, as patterns say more in a source
    than they would in a data set.
    """
    found, source = read_source(root, layout, store)
    categories = validate(source, split, THREADS, progress)
    inventories = tuple(take_inventory(category) for category in categories)
    tables = {category.name: Groups(tuple(sorted(named_groups(category).items()))) for category in source.categories}
    inventory = Inventory(found, inventories, tuple(sorted(source.warnings)))
    return inventory, categories, {name: groups for name, groups in tables.items() if groups}


def _check_target(source: Path, target: Path) -> None:
    try:
        Category(target.name, "category")
    except ValueError as error:
        raise DataError([Problem(target, str(error))]) from None
    if target.resolve() in source.resolve().parents:
        raise DataError([Problem(source, f"lies inside {target}, which it would replace; copy it elsewhere first")])


def _copy(categories: Sequence[CheckedCategory], target: Path, progress: ProgressCallback) -> None:
    jobs = [(image, target / category.name) for category in categories for image in category.images]
    for folder in {(folder / path).parent for image, folder in jobs for path in _paths(image)}:
        folder.mkdir(parents=True)
    with thread_pool(THREADS) as pool:
        for done, _ in enumerate(in_batches(pool, lambda job: _copy_image(*job), jobs), start=1):
            progress(Progress(len(jobs) + done, 2 * len(jobs)))


def _paths(image: CheckedImage) -> tuple[str, ...]:
    mask_path = image.source.mask_path
    return (image.source.path,) if mask_path is None else (image.source.path, mask_path)


def _copy_image(image: CheckedImage, folder: Path) -> None:
    source = image.source
    copy_file(source.file, folder / source.path, image.sha256)
    if source.mask is not None and source.mask_path is not None and image.mask_sha256 is not None:
        copy_file(source.mask, folder / source.mask_path, image.mask_sha256)
