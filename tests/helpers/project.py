"""The project's own settings in a workspace of a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from tocoad.files.workspace import Workspace
from tocoad.settings.file import override, save_plan
from tocoad.settings.plan import Plan

PROJECT = Path(__file__).parents[2]


def project_workspace(root: Path) -> Workspace:
    """A workspace with the settings as they are delivered: the checkout is one too, and whoever ran the demonstration
    or a retrain in it has data sets in the plan, and maybe another profile.
    """
    shutil.copy(PROJECT / "params.yaml", root)
    workspace = Workspace(root)
    save_plan(workspace, Plan())
    override(workspace, {}, profile="demo")
    return workspace
