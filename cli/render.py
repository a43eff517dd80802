"""Tables on a terminal. Standard output is for results; all else goes to standard error."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.console import add_row, console_of, print_line, titled
from tocoad.text.redaction import redacted

if TYPE_CHECKING:
    from tocoad.calibration.conformal import Threshold
    from tocoad.data.report import ImportReport
    from tocoad.files.workspace import Workspace

# The seven metrics, as two lines of a narrow column.
_SHORT = {
    "image_AUROC": "image\nAUROC",
    "image_AP": "image\nAP",
    "image_F1Max": "image\nF1Max",
    "pixel_AUROC": "pixel\nAUROC",
    "pixel_AP": "pixel\nAP",
    "pixel_F1Max": "pixel\nF1Max",
    "pixel_AUPRO": "pixel\nAUPRO",
}
_COLOURS = {"promoted": "green", "kept": "yellow", "rejected": "red", "unregistered": "yellow", "failed": "red"}


def show_report(report: ImportReport) -> None:
    """What was found in a data set, a row per category, and every warning."""
    console = console_of()
    table = titled(f"layout: {report.layout}")
    table.add_column("category")
    for column in ("train", "calib.", "test good", "defective", "masks"):
        table.add_column(column, justify="right")
    table.add_column("defect types", overflow="fold")
    for row in report.categories:
        counts = (row.train, row.calibration, row.test_good, row.test_defective, row.masks)
        types = ", ".join(f"{name} {count}" for name, count in row.defect_types.items())
        add_row(table, row.name, *map(str, counts), types)
    console.print(table)
    for warning in report.warnings:
        print_line(console, f"warning: {warning}", "yellow")


def result_table(result: Mapping[str, Any], console: Console | None = None) -> None:
    """Categories x the seven metrics, each beside the control's, the mean, the verdict, and what went wrong."""
    console = console or console_of()
    table = titled(f"{result['dataset']}: {result['seconds']:.0f} s", box=SIMPLE_HEAD)
    table.add_column("category", no_wrap=True)
    table.add_column("method", no_wrap=True)
    for short in _SHORT.values():
        table.add_column(short, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    categories: Mapping[str, Any] = result["categories"]
    for name, entry in categories.items():
        add_row(table, name, entry["method"], *_figures(entry["metrics"]), _outcome(entry))
        if entry["control"]:
            add_row(table, "", entry["control"]["method"], *_figures(entry["control"]["metrics"]), "", style="dim")
    done = [entry for entry in categories.values() if entry["metrics"]]
    if len(done) > 1:
        table.add_section()
        add_row(table, "mean", "", *_figures(_mean([entry["metrics"] for entry in done])), "", style="bold")
        controls = [entry["control"]["metrics"] for entry in done if entry["control"]]
        if controls:
            add_row(table, "", "control", *_figures(_mean(controls)), "", style="dim")
    console.print(table)
    for warning in result["warnings"]:
        print_line(console, f"warning: {warning}", "yellow")
    shared = result["error"]
    if shared is not None and any(entry["error"] == shared for entry in categories.values()):
        print_line(console, f"error: {shared}", "red")
    for name, entry in categories.items():
        if entry["error"] and entry["error"] != shared:
            print_line(console, f"{name}: {entry['error']}", "red")
        if entry["decision"] and entry["decision"]["verdict"] != "promoted":
            print_line(console, f"{name}: {entry['decision']['reasons'][0]}")


def show_places(workspace: Workspace, tracking_uri: str, prefect_api_url: str | None, dataset: str) -> None:
    """Where the report is, and how to open the services' pages."""
    local = tracking_uri.startswith("sqlite")
    command = f"mlflow server --backend-store-uri {shlex.quote(tracking_uri)} --port 5000"
    mlflow = command if local else redacted(tracking_uri)
    prefect = redacted(prefect_api_url or "") or "make serve, then http://127.0.0.1:4200"
    console = console_of()
    if (page := workspace.report_dir(dataset) / "index.html").is_file():
        print_line(console, f"report    {page}")
    print_line(console, f"MLflow    {mlflow}")
    print_line(console, f"Prefect   {prefect}")


def metrics_table(rows: Mapping[str, Any]) -> None:
    """Categories x the seven metrics, on standard output."""
    table = Table()
    table.add_column("category")
    table.add_column("method")
    for short in (*_SHORT.values(), "recall", "false rejects"):
        table.add_column(short, justify="right", no_wrap=True)
    for name, row in rows.items():
        at = row["at_threshold"]
        shares = [f"{at[key]:.3f}" if at[key] is not None else "-" for key in ("recall", "false_reject_rate")]
        add_row(table, name, row["method"], *_figures(row["metrics"]), *shares)
    console_of(stderr=False).print(table)


def status_table(status: Mapping[str, Any]) -> None:
    """One row a category, on standard output."""
    table = titled(f"{status['dataset']}, data version {status['data_version'] or 'none'}")
    table.add_column("category", no_wrap=True)
    for column in ("method", "stale stages", "champion", "previous"):
        table.add_column(column)
    for short in _SHORT.values():
        table.add_column(short, justify="right", no_wrap=True)
    for name, row in status["categories"].items():
        champion = row["champion"]
        figures = _figures(champion["metrics"]) if champion else ["-"] * len(_SHORT)
        stale = ", ".join(row["stale"]) if row["method"] else "not yet in the plan"
        version = f"v{champion['version']} ({champion['method']})" if champion else "none"
        previous = f"v{row['previous']}" if row["previous"] else "none"
        add_row(table, name, row["method"] or "-", stale or "up to date", version, previous, *figures)
    console_of(stderr=False).print(table)


def prediction_table(rows: Sequence[Mapping[str, Any]], threshold: Threshold) -> None:
    """One row an image that has a score, and how many have none, on standard output."""
    console = console_of(stderr=False)
    table = Table()
    table.add_column("image", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("label", no_wrap=True)
    for row in rows:
        if row["pred_score"] is not None:
            label = Text("anomalous", "red") if row["pred_label"] else Text("normal", "green")
            add_row(table, row["image_path"], f"{row['pred_score']:.4f}", label)
    console.print(table)
    anomalous = sum(bool(row["pred_label"]) for row in rows)
    unread = sum(row["pred_score"] is None for row in rows)
    counts = f"{anomalous} of {len(rows)} anomalous" + (f", {unread} could not be read" if unread else "")
    print_line(console, f"{counts}; threshold {threshold.value:.4f}, {threshold.message}")


def _figures(metrics: Mapping[str, float | None]) -> list[str]:
    return [f"{value:.3f}" if (value := metrics.get(name)) is not None else "-" for name in _SHORT]


def _mean(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Over the categories that have the figure."""
    means: dict[str, float | None] = {}
    for name in _SHORT:
        values = [value for row in rows if (value := row.get(name)) is not None]
        means[name] = sum(values) / len(values) if values else None
    return means


def _outcome(entry: Mapping[str, Any]) -> Text:
    """What became of the category, and of its model."""
    if entry["decision"] is None:
        return _coloured(entry["status"])
    model = f"v{entry['model']['version']}"
    if entry["status"] != "trained":
        return Text(f"up to date, {model}")
    return _coloured(entry["decision"]["verdict"]).append(f" {model}", "none")


def _coloured(text: str) -> Text:
    return Text.assemble((text, _COLOURS.get(text, "none")))
