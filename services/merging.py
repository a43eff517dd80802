"""A data set that is there takes in what a source has, or loses single images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from services.datasets import ChangedDataset, add_dataset, change_dataset, check_dataset
from services.dvc import data
from services.git import history
from tocoad.data.changes import Changes
from tocoad.data.layouts.detect import Layout, read_source
from tocoad.data.layouts.source import Source
from tocoad.data.merging import Comparison, Comparisons, merge, merge_groups, refuse_conflicts
from tocoad.data.picking import pick
from tocoad.data.problems import Problem
from tocoad.files.documents import tracked_file
from tocoad.files.lease import FOREVER
from tocoad.files.workspace import Workspace
from tocoad.settings.planning import select_categories
from tocoad.stages.stage import Progress, ProgressCallback

Take = Literal["new", "conflicts", "all"]
Announce = Callable[[Comparisons], object]


def bring_in(
    workspace: Workspace,
    source: Path,
    name: str,
    layout: Layout,
    take: Take,
    announce: Announce,
    progress: ProgressCallback,
    wait: float = FOREVER,
    write: bool = True,
) -> ChangedDataset:
    """What the source has and the data set has not joins it, or begins it. `announce` is told of what a data set that
    is there gains before anything is written. With `take` the source's files take the places of those that they are in
    conflict with, or the source that of the whole; without `write` nothing changes.

    Raises:
        DataError: the data set is as it was; of a conflict both files are named.
        LeaseTakenError, SettingsError: as `change_dataset`.
    """
    folder = workspace.dataset_dir(name)
    if take == "all" or not (folder.is_dir() or data.data_version(workspace, name)):
        return _whole(workspace, source, name, layout, progress, wait, write)
    found, read = read_source(source, layout, data.cache_dir(workspace))

    def first(now: Progress) -> None:
        progress(Progress(now.step, 3 * now.total))

    def others(now: Progress) -> None:
        """Of checking and writing, which count themselves as one."""
        progress(Progress(now.total // 2 + now.step, 3 * now.total // 2))

    def plan(present: Source) -> Changes:
        merged = merge(read, present, folder, first)
        announce(merged.comparisons)
        if take != "conflicts":
            refuse_conflicts(merged.comparisons, folder)
        return merged.changes

    changed = change_dataset(workspace, name, plan, f"tocoad data add --name {name}", others, wait, write)
    warnings = tuple(sorted({*read.warnings, *changed.inventory.warnings}))
    return replace(changed, inventory=replace(changed.inventory, layout=found, warnings=warnings))


def _whole(
    workspace: Workspace,
    source: Path,
    name: str,
    layout: Layout,
    progress: ProgressCallback,
    wait: float,
    write: bool,
) -> ChangedDataset:
    before = data.data_version(workspace, name)
    if not write:
        return ChangedDataset(check_dataset(workspace, source, layout, progress), before, before)
    inventory = add_dataset(workspace, source, name, layout, progress, wait)
    return ChangedDataset(inventory, before, data.data_version(workspace, name))


def remove_images(
    workspace: Workspace,
    name: str,
    files: Sequence[str],
    announce: Announce,
    progress: ProgressCallback,
    wait: float = FOREVER,
    write: bool = True,
) -> ChangedDataset:
    """Takes images out of a data set with their masks, or masks alone; else as `bring_in`."""
    select_categories(workspace, name, None)
    folder = workspace.dataset_dir(name)

    def plan(present: Source) -> Changes:
        picked = pick(files, present, folder)
        comparisons: dict[str, Comparison] = {}
        for path in picked:
            comparisons.setdefault(path.partition("/")[0], Comparison()).removed.append(path)
        announce(dict(sorted(comparisons.items())))
        return Changes(remove=picked)

    return change_dataset(workspace, name, plan, f"tocoad data add --remove --name {name}", progress, wait, write)


def set_groups(
    workspace: Workspace,
    name: str,
    table: Path,
    take: Take,
    announce: Announce,
    progress: ProgressCallback,
    wait: float = FOREVER,
    write: bool = True,
) -> ChangedDataset:
    """Says of images that are there which belong together, by a table of `path,group`; else as `bring_in`."""
    select_categories(workspace, name, None)
    folder, warnings = workspace.dataset_dir(name), list[Problem]()

    def plan(present: Source) -> Changes:
        merged, read = merge_groups(table, present, folder)
        warnings[:] = read.warnings
        announce(merged.comparisons)
        if take == "new":
            refuse_conflicts(merged.comparisons, folder)
        return merged.changes

    changed = change_dataset(workspace, name, plan, f"tocoad data add --groups --name {name}", progress, wait, write)
    told = tuple(sorted({*warnings, *changed.inventory.warnings}))
    return replace(changed, inventory=replace(changed.inventory, warnings=told))


def way_back(workspace: Workspace, name: str, done: ChangedDataset) -> str | None:
    """How a person gets the version before: from git where the last commit has it, else from DVC's cache by its hash.
    None where it is still there.
    """
    if done.before is None or done.before == done.after:
        return None
    file = tracked_file("data", name)
    committed = history.contents_at(workspace.root, "HEAD", [file]).get(file, b"")
    if done.before.encode() in committed:
        return f"git checkout {file} && dvc checkout {file}"
    return f"put {done.before} back into {file} (md5), then: dvc checkout {file}"
