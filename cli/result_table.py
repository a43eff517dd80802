"""What a retrain ends with on a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from cli.console import add_row, console_of, print_line, titled
from cli.figures import COLUMNS, SHOWN_MAX, cells, hint, means
from flows.digest import OUTCOMES, outcome_of, tally, urgent
from tocoad.text.redaction import redacted

if TYPE_CHECKING:
    from tocoad.files.workspace import Workspace

_COLOURS = {
    "promoted": "green",
    "waiting": "cyan",
    "kept": "yellow",
    "rejected": "red",
    "unregistered": "yellow",
    "failed": "red",
}


def result_table(result: Mapping[str, Any], console: Console | None = None, whole: bool = False) -> None:
    """Categories x the seven metrics, each beside the control's, the means of all, the outcome, and what went wrong.

    Of many categories what failed or changed is shown, and the rest is counted; all where the `whole` is wanted.
    """
    console = console or console_of()
    categories: Mapping[str, Any] = result["categories"]
    shown = categories if whole else urgent(categories, SHOWN_MAX, outcome_of, OUTCOMES)
    console.print(_table(result, shown))
    if len(categories) > SHOWN_MAX:
        print_line(console, tally(categories, outcome_of, OUTCOMES) + hint(shown, categories), "bold")
    for warning in result["warnings"]:
        print_line(console, f"warning: {warning}", "yellow")
    shared = result["error"]
    if shared is not None and any(entry["error"] == shared for entry in categories.values()):
        print_line(console, f"error: {shared}", "red")
    for name, entry in shown.items():
        if entry["error"] and entry["error"] != shared:
            print_line(console, f"{name}: {entry['error']}", "red")
        if outcome_of(entry) == "waiting":
            print_line(console, f"{name}: {waiting_text(result['dataset'], name, entry.get('question'))}")
        elif entry["decision"] and entry["decision"]["verdict"] != "promoted":
            print_line(console, f"{name}: {entry['decision']['reasons'][0]}")


def show_places(workspace: Workspace, tracking_uri: str, prefect_api_url: str | None, dataset: str) -> None:
    """Where the report is, and how to open the services' pages."""
    local = tracking_uri.startswith("sqlite")
    command = f"mlflow server --backend-store-uri {shlex.quote(tracking_uri)} --port 5000"
    mlflow = command if local else redacted(tracking_uri)
    prefect = redacted(prefect_api_url or "") or f"{_serving(workspace)}, then http://127.0.0.1:4200"
    console = console_of()
    if (page := workspace.report_dir(dataset) / "index.html").is_file():
        print_line(console, f"report    {page}")
    print_line(console, f"MLflow    {mlflow}")
    print_line(console, f"Prefect   {prefect}")


def _serving(workspace: Workspace) -> str:
    """What shows the runs of a Prefect that no server is named for; a workspace may be no checkout."""
    if (workspace.root / "infra/prefect/serve.py").is_file():
        return "make serve"
    home = shlex.quote(str(workspace.services_dir / "prefect"))
    return f"PREFECT_HOME={home} prefect server start"


def waiting_text(dataset: str, category: str, question: Mapping[str, str | None] | None) -> str:
    """Who is to do what until when."""
    until = "" if question is None else f" until {question['until']}"
    page = "" if question is None or question["page"] is None else f", or on {question['page']}"
    return f"waits for a person{until}: tocoad approve {dataset} {category} [--reject] --reason TEXT{page}"


def show_push(push: Mapping[str, Any] | None) -> None:
    """What came into the remote; why something did not is among the warnings."""
    if push is not None and push["remote"] is not None:
        print_line(console_of(), f"pushed    {pushed_text(push)}")


def pushed_text(push: Mapping[str, Any]) -> str:
    """`12 objects, 3.4 MB to s3://inspection/line-3, 1.2 s`."""
    if not push["objects"] and push["error"] is None:
        return f"nothing: {push['remote']} has it all"
    return f"{push['objects']} objects, {decimal(push['bytes'])} to {push['remote']}, {push['seconds']:.1f} s"


def _table(result: Mapping[str, Any], shown: Mapping[str, Any]) -> Table:
    table = titled(f"{result['dataset']}: {result['seconds']:.0f} s", box=SIMPLE_HEAD)
    table.add_column("category", no_wrap=True)
    table.add_column("method", no_wrap=True)
    for column in COLUMNS.values():
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for name, entry in shown.items():
        add_row(table, name, entry["method"], *cells(entry["metrics"]), _outcome(entry))
        if entry["control"]:
            add_row(table, "", entry["control"]["method"], *cells(entry["control"]["metrics"]), "", style="dim")
    done = [entry for entry in result["categories"].values() if entry["metrics"]]
    if len(done) > 1:
        table.add_section()
        add_row(table, "mean", "", *cells(means(entry["metrics"] for entry in done)), "", style="bold")
        controls = [entry["control"]["metrics"] for entry in done if entry["control"]]
        if controls:
            add_row(table, "", "control", *cells(means(controls)), "", style="dim")
    return table


def _outcome(entry: Mapping[str, Any]) -> Text:
    """What became of the category, and of its model."""
    outcome = outcome_of(entry)
    text = Text.assemble((outcome, _COLOURS.get(outcome, "none")))
    if entry["decision"] is not None:
        text.append(f"{',' if outcome == 'up to date' else ''} v{entry['model']['version']}")
    return text
