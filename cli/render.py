"""Tables on a terminal. Standard output is for results; all else goes to standard error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cli.console import add_row, console_of, print_line, titled
from cli.figures import COLUMNS, SHOWN_MAX, cells

if TYPE_CHECKING:
    from tocoad.calibration.conformal import Threshold
    from tocoad.data.inventory import CategoryInventory, Inventory


def show_inventory(inventory: Inventory) -> None:
    """What was found in a data set, a row per category, and every warning; of many, where the least was found."""
    console = console_of()
    rows = inventory.categories
    title = f"layout: {inventory.layout}"
    if len(rows) > SHOWN_MAX:
        title += f"; {SHOWN_MAX} of {len(rows)} categories, those with the fewest good images"
        rows = tuple(sorted(rows, key=lambda row: (row.train + row.calibration, row.name))[:SHOWN_MAX])
    table = titled(title)
    table.add_column("category")
    for column in ("train", "calib.", "test good", "defective", "masks"):
        table.add_column(column, justify="right")
    table.add_column("defect types", overflow="fold")
    for row in rows:
        types = ", ".join(f"{name} {count}" for name, count in row.defect_types.items())
        add_row(table, row.name, *map(str, _counts(row)), types)
    if len(rows) < len(inventory.categories):
        table.add_section()
        every = [sum(column) for column in zip(*map(_counts, inventory.categories), strict=True)]
        add_row(table, "all", *map(str, every), "", style="bold")
    console.print(table)
    for warning in inventory.warnings[:SHOWN_MAX]:
        print_line(console, f"warning: {warning}", "yellow")
    if (rest := len(inventory.warnings) - SHOWN_MAX) > 0:
        print_line(console, f"and {rest} more warnings", "yellow")


def _counts(row: CategoryInventory) -> tuple[int, ...]:
    return row.train, row.calibration, row.test_good, row.test_defective, row.masks


def metrics_table(rows: Mapping[str, Any]) -> None:
    """Categories x the seven metrics, on standard output."""
    table = Table()
    table.add_column("category")
    table.add_column("method")
    for short in (*COLUMNS.values(), "recall", "false rejects"):
        table.add_column(short, justify="right", no_wrap=True)
    for name, row in rows.items():
        at = row["at_threshold"]
        shares = [f"{at[key]:.3f}" if at[key] is not None else "-" for key in ("recall", "false_reject_rate")]
        add_row(table, name, row["method"], *cells(row["metrics"]), *shares)
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
