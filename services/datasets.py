"""Data sets enter a workspace: checked, copied, brought under DVC, and entered in the plan."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from services.dvc import data
from tocoad.data import importing
from tocoad.data.inventory import Inventory
from tocoad.data.layouts.detect import Layout
from tocoad.errors import SettingsError
from tocoad.files.lease import FOREVER, lease_of, study_owner
from tocoad.files.links import refuse_links
from tocoad.files.workspace import NAME_RULE, Category, Owner, Workspace, is_name
from tocoad.sample import render_sample
from tocoad.settings.file import load_params
from tocoad.settings.planning import drop_missing, plan_categories
from tocoad.stages.stage import ProgressCallback


def check_dataset(workspace: Workspace, source: Path, layout: Layout, progress: ProgressCallback) -> Inventory:
    """Writes nothing, but lets DVC's links follow a workspace that has moved. Raises DataError with every problem."""
    data.follow_links(workspace)
    split = load_params(workspace).settings.split
    return importing.check_dataset(source, layout, split, progress, data.cache_dir(workspace))


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
    _refuse_no_name(name)
    target, results = workspace.dataset_dir(name), workspace.work_dir(name)
    refuse_links(workspace, [target, results, *(entry for entry in results.glob("*") if entry.is_dir())])
    split = load_params(workspace).settings.split
    with ExitStack() as stack:

        def keep_out(inventory: Inventory) -> None:
            """All that reads the data set as it is: retrains, stages and studies."""

            def readers() -> set[Owner]:
                categories = {Category(name, category.name) for category in inventory.categories}
                owners: set[Owner] = {name, *categories, *workspace.categories(name)}
                return owners | {study_owner(owner) for owner in owners}

            stack.enter_context(lease_of(workspace, readers, f"tocoad data add --name {name}", wait))

        cache = data.cache_dir(workspace)
        inventory = importing.import_dataset(source, target, layout, split, progress, cache, keep_out)
        data.track_dataset(workspace, name)
        drop_missing(workspace, name)
        plan_categories(workspace, name)
    return inventory


def add_sample(workspace: Workspace, name: str, seed: int, progress: ProgressCallback) -> Inventory:
    """Renders the built-in data set and brings it in like any other."""
    _refuse_no_name(name)
    with tempfile.TemporaryDirectory(prefix="tocoad-sample-") as scratch:
        rendered = Path(scratch) / name
        render_sample(rendered, seed=seed, progress=progress)
        return add_dataset(workspace, rendered, name, "mvtec", progress)


def _refuse_no_name(name: str) -> None:
    """Before any path is made of it: the folder of '' is `data` itself, and an earlier version is replaced."""
    if not is_name(name):
        raise SettingsError(f"{name!r} is not a valid name of a data set: {NAME_RULE}")
