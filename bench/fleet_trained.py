"""A workspace of many categories that are really trained and registered, small: the control alone, on tiny images."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from bench.fleet_workspace import DATASET, make_dataset, planned
from services.dvc import record, staleness
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.sections import CONTROL
from tocoad.stages.running import run_stage

_SMALL = {
    "image.size": "64",
    "split.train_min": "4",
    "split.calibration_min": "4",
    "bank.coreset_ratio": "0.05",
    "evaluation.overlays": "1",
    "evaluation.bootstrap": "50",
    "gate.image_AUROC_min": "0",
    "gate.pixel_AUROC_min": "0",
}


def make_trained(root: Path, categories: int) -> Workspace:
    """Trained in this process, recorded, and registered by a retrain. A second call goes on where the first broke
    off, category by category.
    """
    ready = root / "params.yaml"
    if not ready.is_file():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        make_dataset(root, categories, _SMALL)
    workspace = Workspace(root)
    jobs = planned(workspace, CONTROL)
    stale = staleness.stale(workspace, [job.dvc_name for job in jobs])
    sources, settings = staleness.sources(workspace, stale), load_params(workspace).settings
    with patch("os.fsync"):
        for job in jobs:
            if job.dvc_name in stale:
                name = job.stage.name
                run_stage(workspace, job.owner, job.method, name, settings, sources=sources[job.dvc_name])
    record.commit(workspace, stale, sources)
    retrain(workspace)
    return workspace


def retrain(workspace: Workspace) -> str:
    """The whole command, as a user runs it; its document."""
    line = [str(Path(sys.executable).with_name("tocoad")), "retrain", DATASET, "--json"]
    done = subprocess.run(line, cwd=workspace.root, env=environment(), check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def environment() -> dict[str, str]:
    """Without addresses of services: a workspace has its own."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_", "RAY_"))}
