"""Data sets enter a workspace: checked, copied, brought under DVC, and entered in the plan."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks import dvc
from tocoad.data.importing import import_dataset
from tocoad.data.layouts.detect import Layout
from tocoad.data.report import ImportReport
from tocoad.data.sample import render_sample
from tocoad.params import load_params
from tocoad.planning import drop_missing, plan_categories
from tocoad.stage import ProgressCallback
from tocoad.workspace import Workspace


def add_dataset(
    workspace: Workspace, source: Path, name: str, layout: Layout, progress: ProgressCallback
) -> ImportReport:
    """Takes the place of an earlier version of the data set. Raises DataError; then everything is as it was."""
    split = load_params(workspace).settings.split
    report = import_dataset(source, workspace.dataset_dir(name), layout, split, progress)
    dvc.track_dataset(workspace, name)
    drop_missing(workspace, name)
    plan_categories(workspace, name)
    return report


def add_sample(workspace: Workspace, name: str, seed: int, progress: ProgressCallback) -> ImportReport:
    """Renders the built-in data set and brings it in like any other."""
    with tempfile.TemporaryDirectory(prefix="tocoad-sample-") as scratch:
        rendered = Path(scratch) / name
        render_sample(rendered, seed=seed, progress=progress)
        return add_dataset(workspace, rendered, name, "mvtec", progress)
