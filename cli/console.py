"""Where tables and lines are printed. Text of users is never markup: `part[good].png` is a name, not a style."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocoad.text.printable import printable


def console_of(stderr: bool = True) -> Console:
    """As wide as the terminal; in a log, where there is none, as wide as the tables want."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=120)


def print_line(console: Console, text: str, style: str = "") -> None:
    """Whole: a path is not broken where the line ends."""
    console.print(Text(printable(text), style), soft_wrap=True)


def titled(title: str, **options: Any) -> Table:
    """A table with a title above its left."""
    return Table(title=Text(printable(title)), title_justify="left", **options)


def add_row(table: Table, *cells: str | Text, **options: Any) -> None:
    """A row of plain text; a cell that is to have a style is a Text."""
    table.add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells), **options)
