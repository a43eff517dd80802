"""Detector packages by what a user types: a folder, or a model of the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace


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
    if workspace is None and not os.environ.get("MLFLOW_TRACKING_URI"):
        raise SettingsError(
            f"{model}: {Path.cwd()} is not in a workspace, and MLFLOW_TRACKING_URI names no tracking server: "
            "change to the one, or set the other"
        )
    from services.addresses import configure

    services = configure(workspace or Workspace(Path.cwd()))
    from services.mlflow.decision_log import champion_in_force
    from services.mlflow.tracking import Tracking

    registry = Tracking(services).registry()
    with registry.package(champion_in_force(registry, model)) as package:
        yield package
