"""Detector packages by what a user types: a folder, or a model of the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace

if TYPE_CHECKING:
    from services.mlflow.registry import Registry


@contextmanager
def detector_folder(model: str, workspace: Workspace | None) -> Iterator[Path]:
    """The package's folder while the block runs; `models:/NAME.CATEGORY@champion` is asked of the registry.

    Raises:
        SettingsError: the registry has no such model, or there is no registry to ask.
        AwayError: it does not answer.
        TrackingError: the package is not where it was put.
    """
    if not model.startswith("models:/"):
        yield Path(model)
        return
    registry = registry_of(model, workspace)
    from services.mlflow.decision_log import champion_in_force

    with registry.package(champion_in_force(registry, model)) as package:
        yield package


def registry_of(model: str, workspace: Workspace | None) -> Registry:
    """The registry that `models:/...` is asked of.

    Raises:
        SettingsError: there is none to ask.
        AwayError: it does not answer.
    """
    if workspace is None and not os.environ.get("MLFLOW_TRACKING_URI"):
        raise SettingsError(
            f"{model}: {Path.cwd()} is not in a workspace, and MLFLOW_TRACKING_URI names no tracking server: "
            "change to the one, or set the other"
        )
    from services.addresses import configure

    services = configure(workspace or Workspace(Path.cwd()))
    from services.mlflow.tracking import Tracking

    return Tracking(services).registry()
