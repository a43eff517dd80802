"""Comparisons of champion and challenger, kept in the workspace and with the run that judged: whoever is to answer may
sit at another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlflow.artifacts import download_artifacts

from services.mlflow.calls import told
from services.mlflow.registry import Registry
from services.mlflow.run import Run
from tocoad.evaluation.comparison_files import Drawn, read_comparison, write_comparison
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.comparison import Comparison

FOLDER = "comparison"
"""Among a run's artifacts."""


def keep_comparison(
    workspace: Workspace, category: Category, run: Run, comparison: Comparison, drawn: Mapping[str, Drawn]
) -> None:
    """`drawn` has the pictures that there are, by the images' paths."""
    folder = workspace.comparison_dir(category)
    write_comparison(folder, comparison, drawn)
    run.log_artifacts(folder, FOLDER)


def fetch_comparison(registry: Registry, run_id: str, scratch: Path) -> tuple[Comparison, Path] | None:
    """What the run of a verdict has kept, and the folder in `scratch` with its pictures; None where it kept none.

    Raises:
        TrackingError: MLflow has no such run, or cannot give it.
        AwayError: MLflow does not answer.
    """
    if not registry.client.list_artifacts(run_id, FOLDER):
        return None
    with told(registry.uri):
        uri = f"runs:/{run_id}/{FOLDER}"
        folder = Path(download_artifacts(artifact_uri=uri, dst_path=str(scratch), tracking_uri=registry.uri))
    comparison = read_comparison(folder)
    return None if comparison is None else (comparison, folder)
