"""A comparison goes with the run that judged: another machine has the registry and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.mlflow.comparisons import fetch_comparison, keep_comparison
from services.mlflow.tracking import Tracking
from tests.helpers.report_files import Made, compared, drawn, write_category
from tocoad.evaluation.comparison_files import read_comparison
from tocoad.files.workspace import Category, Workspace
from tocoad.report.evidence import read_evidence

pytestmark = pytest.mark.integration


def test_a_comparison_is_kept_here_and_with_its_run_and_is_fetched_with_its_pictures(
    tracking: Tracking, tmp_path: Path
) -> None:
    workspace, bolt = Workspace(tmp_path / "here"), Category("toys", "bolt")
    write_category(workspace, bolt, "tocoad", Made(curves=False, losses=False, gallery=False, diagnostics=False))
    made = compared(read_evidence(workspace, bolt, "tocoad"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with tracking.run(tracking.experiment("comparisons"), "bolt") as run:
        assert fetch_comparison(tracking.registry(), run.run_id, elsewhere) is None
        keep_comparison(workspace, bolt, run, made, {made.changed[0].image_path: drawn()})
    fetched = fetch_comparison(tracking.registry(), run.run_id, elsewhere)
    assert fetched is not None
    comparison, folder = fetched
    assert comparison == read_comparison(workspace.comparison_dir(bolt))
    assert folder.is_relative_to(elsewhere)
    shown = {panel: (folder / name).read_bytes() for panel, name in comparison.changed[0].pictures.items()}
    assert shown == drawn().pictures
