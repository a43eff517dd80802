"""Data sets enter a workspace: checked, copied, brought under DVC, and entered in the plan."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from services.dvc import data
from services.dvc.known import Known
from services.uncollected import uncollected
from tocoad.data import importing, rewriting
from tocoad.data.changes import Changes
from tocoad.data.inventory import Inventory
from tocoad.data.layouts.detect import Layout
from tocoad.data.remembering import contents
from tocoad.errors import SettingsError, StageError
from tocoad.files.lease import FOREVER, Lease, lease_of, study_owner
from tocoad.files.links import refuse_links
from tocoad.files.replacing import recover, replacing, write_whole
from tocoad.files.temporary import temporary_folder
from tocoad.files.workspace import NAME_RULE, Category, Owner, Workspace, is_name
from tocoad.sample import render_sample
from tocoad.settings.file import load_params
from tocoad.settings.planning import drop_missing, plan_categories
from tocoad.stages.stage import Progress, ProgressCallback, silent


def check_dataset(workspace: Workspace, source: Path, layout: Layout, progress: ProgressCallback) -> Inventory:
    """Writes nothing, but lets DVC's links follow a workspace that has moved. Raises DataError with every problem."""
    data.follow_links(workspace)
    if source.absolute().parent == workspace.dataset_dir(source.name).absolute().parent:
        rewriting.refuse_loose_table(source)
    split = load_params(workspace).settings.split
    return importing.check_dataset(source, layout, split, progress, data.cache_dir(workspace))


@uncollected()
def add_dataset(
    workspace: Workspace,
    source: Path,
    name: str,
    layout: Layout,
    progress: ProgressCallback,
    wait: float = FOREVER,
) -> Inventory:
    """Takes the place of an earlier version of the data set, when no run reads that any more; for which it waits at
    most so many seconds.

    Raises:
        DataError: everything is as it was.
        LeaseTakenError: the same; a run still reads the earlier version.
        SettingsError: the same; the name is none, or the data set's folder is to be behind a link.
    """
    _refuse_unfit(workspace, name)
    target = workspace.dataset_dir(name)
    split = load_params(workspace).settings.split
    with ExitStack() as stack:

        def keep_out(inventory: Inventory) -> None:
            stack.enter_context(_kept_out(workspace, name, inventory, f"tocoad data add --name {name}", wait))
            _mark_entering(workspace, name)

        cache, memory = data.cache_dir(workspace), _memory(workspace, name)
        inventory = importing.import_dataset(source, target, layout, split, progress, cache, keep_out, memory)
        _enter(workspace, name, [*contents(memory)])
    return inventory


@dataclass(frozen=True)
class ChangedDataset:
    """`before` and `after` are data versions; `before` is None of a data set that was not under DVC, and both are the
    same where nothing was to be changed.
    """

    inventory: Inventory
    before: str | None
    after: str | None
    changes: Changes = field(default_factory=Changes)


@uncollected()
def change_dataset(
    workspace: Workspace,
    name: str,
    changes: Changes | rewriting.Plan,
    what: str,
    progress: ProgressCallback = silent,
    wait: float = FOREVER,
    write: bool = True,
) -> ChangedDataset:
    """The one way to change a data set in part, or to begin one: checks it as it will be, writes it anew as a whole and
    brings it under DVC, when no run reads it any more; for which it waits at most so many seconds. `what` is the
    command, as those are told of it who wait meanwhile.

    `changes` may be decided by what lies there: they are asked for again if another run has changed the data set
    meanwhile. Without `write` nothing is changed.

    Raises:
        DataError: everything is as it was; the line names each file, in the data set or where it comes from.
        LeaseTakenError: the same; a run still reads the data set.
        StageError: the same; the data set is not here, though it has a version.
        SettingsError: the same; the name is none, or the data set's folder is behind a link.
    """
    _refuse_unfit(workspace, name)
    data.follow_links(workspace)
    folder, split, cache = workspace.dataset_dir(name), load_params(workspace).settings.split, data.cache_dir(workspace)
    memory = _memory(workspace, name)
    recover(folder)
    if write:
        _enter_broken_off(workspace, name, what, wait)
    before = data.data_version(workspace, name)
    if before is not None and not folder.is_dir():
        way_out = f"tocoad restore {name} brings it back"
        raise StageError(f"{folder} is not here, though {name}.dvc gives its version {before}: {way_out}")

    def first(now: Progress) -> None:
        progress(Progress(now.step, 2 * now.total))

    def second(now: Progress) -> None:
        progress(Progress(now.total + now.step, 2 * now.total))

    def prepared() -> rewriting.Rewrite:
        plan = (lambda _: changes) if isinstance(changes, Changes) else changes
        return rewriting.prepare(folder, plan, split, cache, memory, first)

    seen = _identity(folder)
    rewrite = prepared()
    if not (write and rewrite.changes):
        return ChangedDataset(rewrite.inventory, before, before, rewrite.changes)
    with _kept_out(workspace, name, rewrite.inventory, what, wait):
        if _identity(folder) != seen:
            rewrite, before = prepared(), data.data_version(workspace, name)
            if not rewrite.changes:
                return ChangedDataset(rewrite.inventory, before, before, rewrite.changes)
        _mark_entering(workspace, name)
        with replacing(folder, links_lie_there=True) as target:
            rewriting.write(rewrite, folder, target, memory, second)
        after = _enter(workspace, name)
    return ChangedDataset(rewrite.inventory, before, after, rewrite.changes)


def _memory(workspace: Workspace, name: str) -> Path:
    """Where it is kept what was found of the data set's images."""
    return workspace.services_dir / "checked" / name


def _identity(folder: Path) -> tuple[int, ...] | None:
    """Of what lies there: whatever changes a data set puts another folder in its place."""
    if not folder.is_dir():
        return None
    there = folder.stat()
    return there.st_dev, there.st_ino, there.st_mtime_ns


def _kept_out(
    workspace: Workspace, name: str, inventory: Inventory | None, what: str, wait: float
) -> AbstractContextManager[Lease]:
    """All that reads the data set as it is, and as it will be: retrains, stages and studies."""

    def readers() -> Iterable[Owner]:
        categories = {Category(name, category.name) for category in (inventory.categories if inventory else ())}
        owners: set[Owner] = {name, *categories, *workspace.categories(name)}
        return owners | {study_owner(owner) for owner in owners}

    return lease_of(workspace, readers, what, wait)


def _enter(workspace: Workspace, name: str, known: Known = ()) -> str:
    """What lies there now, under DVC and in the plan; returns its data version."""
    version = data.track_dataset(workspace, name, True, known)
    drop_missing(workspace, name)
    plan_categories(workspace, name)
    _entering(workspace, name).unlink(missing_ok=True)
    return version


def _entering(workspace: Workspace, name: str) -> Path:
    """A file that is there as long as images may lie there of which DVC and the plan do not know yet."""
    return workspace.services_dir / "entering" / name


def _mark_entering(workspace: Workspace, name: str) -> None:
    """Before the data set's folder is another one."""
    file = _entering(workspace, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, b"")


def _enter_broken_off(workspace: Workspace, name: str, what: str, wait: float) -> None:
    """Who was killed when the new folder lay there left its version, as files say it, that of the folder before: and
    who asks for the same again has nothing to change.
    """
    if not _entering(workspace, name).exists():
        return
    with _kept_out(workspace, name, None, what, wait):
        if _entering(workspace, name).exists() and workspace.dataset_dir(name).is_dir():
            _enter(workspace, name)


def add_sample(workspace: Workspace, name: str, seed: int, progress: ProgressCallback) -> Inventory:
    """Renders the built-in data set and brings it in like any other."""
    _refuse_no_name(name)
    with temporary_folder("sample") as scratch:
        rendered = scratch / name
        render_sample(rendered, seed=seed, progress=progress)
        return add_dataset(workspace, rendered, name, "mvtec", progress)


def _refuse_unfit(workspace: Workspace, name: str) -> None:
    """A name that is none, and images or results that would lie behind a link."""
    _refuse_no_name(name)
    results = workspace.work_dir(name)
    folders = (entry for entry in results.glob("*") if entry.is_dir())
    refuse_links(workspace, [workspace.dataset_dir(name), results, *folders])


def _refuse_no_name(name: str) -> None:
    """Before any path is made of it: the folder of '' is `data` itself, and an earlier version is replaced."""
    if not is_name(name):
        raise SettingsError(f"{name!r} is not a valid name of a data set: {NAME_RULE}")
