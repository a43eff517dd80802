"""The document of a retrain is whole whatever became of it."""

from __future__ import annotations

import io
from pathlib import Path

from report_files import Made, write_category
from rich.console import Console

from cli.result_table import result_table
from flows.outcome import Outcome
from flows.result import table_rows
from services.mlflow.registration import Registration
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.plan import Plan

GEAR, PLATE = Category("set", "gear"), Category("set", "plate")


def outcome(root: Path) -> Outcome:
    return Outcome(Workspace(root), "set", [GEAR, PLATE], Plan(patchcore=("set/gear", "set/plate")))


def shown(document: dict[str, object]) -> str:
    console = Console(file=io.StringIO(), width=200)
    result_table(document, console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_an_error_of_the_whole_is_every_categorys_and_one_line(tmp_path: Path) -> None:
    retrain = outcome(tmp_path)
    retrain.errors[PLATE] = "manifest: 003.png is cut off"
    retrain.fail(OSError(28, "No space left on device", "mlflow.db"))
    document = retrain.document("run", 1.23)
    full = "[Errno 28] No space left on device: 'mlflow.db'"
    assert document["error"] == full
    assert {name: entry["status"] for name, entry in document["categories"].items()} == dict.fromkeys(
        ("gear", "plate"), "failed"
    )
    assert {name: entry["error"] for name, entry in document["categories"].items()} == {
        "gear": full,
        "plate": "manifest: 003.png is cut off",
    }
    assert [row["error"] for row in table_rows(document["categories"])] == [full, "manifest: 003.png is cut off"]
    told = shown(document)
    assert told.count(full) == 1
    assert "plate: manifest: 003.png is cut off" in told


def test_a_categorys_error_is_the_documents_where_nothing_else_failed(tmp_path: Path) -> None:
    retrain = outcome(tmp_path)
    retrain.errors = {PLATE: "manifest: 003.png is cut off", GEAR: "stage1: too few images"}
    assert retrain.document(None, 0)["error"] == "plate: manifest: 003.png is cut off"
    assert retrain.is_complete


def test_a_category_that_only_the_registry_kept_open_has_its_figures(tmp_path: Path) -> None:
    retrain = outcome(tmp_path)
    retrain.categories = [GEAR]
    for method in ("tocoad", "patchcore"):
        write_category(retrain.workspace, GEAR, method, Made())
    retrain.errors[GEAR] = "register: MLflow was away for 120 s; the next retrain registers it, without training"
    retrain.unregistered.add(GEAR)
    document = retrain.document(None, 0)
    gear = document["categories"]["gear"]
    assert (gear["status"], gear["model"], gear["decision"]) == ("unregistered", None, None)
    assert gear["metrics"] == dict(Made().metrics)
    assert gear["control"]["metrics"] and gear["weights_sha256"]
    assert document["error"] == f"gear: {gear['error']}"
    assert "unregistered" in shown(document) and gear["error"] in shown(document)


def test_results_that_cannot_be_read_fail_their_category_alone(tmp_path: Path) -> None:
    retrain = outcome(tmp_path)
    retrain.errors[PLATE] = "manifest: 003.png is cut off"
    retrain.registrations[GEAR] = Registration(
        name="set.gear", version=1, aliases=("champion",), verdict="promoted", reasons=()
    )
    gear = retrain.document(None, 0)["categories"]["gear"]
    assert gear["status"] == "failed"
    assert "evaluate" in gear["error"]
    assert gear["model"]["version"] == 1


def test_results_that_only_the_registry_kept_open_and_that_cannot_be_read_fail_too(tmp_path: Path) -> None:
    retrain = outcome(tmp_path)
    retrain.errors = {GEAR: "register: MLflow was away for 120 s", PLATE: "manifest: 003.png is cut off"}
    retrain.unregistered.add(GEAR)
    gear = retrain.document(None, 0)["categories"]["gear"]
    assert gear["status"] == "failed"
    assert "evaluate" in gear["error"]


def test_where_nothing_failed_no_error_is_shown(tmp_path: Path) -> None:
    retrain = outcome(tmp_path)
    retrain.errors = {GEAR: "stage1: too few images"}
    document = retrain.document(None, 0)
    document["error"] = document["categories"]["gear"]["error"] = document["categories"]["plate"]["error"] = None
    assert "error" not in shown(document)


def test_warnings_fail_nothing_and_are_shown(tmp_path: Path) -> None:
    retrain = outcome(tmp_path)
    retrain.categories = []
    retrain.warnings.append("Prefect was not told how the run ended (no answer)")
    document = retrain.document(None, 0)
    assert document["error"] is None
    assert "warning: Prefect was not told how the run ended (no answer)" in shown(document)
