"""Where a data set stands, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cli.console import add_row, console_of, print_line, titled
from cli.figures import COLUMNS, SHOWN_MAX, cells, hint, means
from flows.digest import tally, urgent

_UNPLANNED, _UNJUDGED, _FINE = "not yet in the plan", "not judged", "up to date"
_UNKNOWN = "that cannot be read"
_REJECTED = "with a champion that is rejected"
_WAITING = "waiting for a person"
_ALARMED = "with an alarm of the watch"
STANDS = (_UNKNOWN, _REJECTED, _WAITING, _ALARMED, "without a champion", "stale", _UNPLANNED, _UNJUDGED, _FINE)
"""Of a category, the most urgent first."""


def status_table(status: Mapping[str, Any], whole: bool = False) -> None:
    """One row a category, on standard output. Of many, those that a retrain would do something for, and those without a
    champion that its verdict bears out; all where the `whole` is wanted.
    """
    console = console_of(stderr=False)
    categories: Mapping[str, Any] = status["categories"]
    shown = categories if whole else urgent(categories, SHOWN_MAX, stand_of, STANDS)
    table = titled(f"{status['dataset']}, data version {status['data_version'] or 'none'}")
    table.add_column("category", no_wrap=True)
    # Most of the time there is none, and a narrow terminal has no place for it.
    extra = [key for key in _EXTRA if any(row[key] for row in shown.values())]
    columns = ("method", "stale stages", "champion", "previous", *extra)
    for column in columns:
        table.add_column(column, overflow="fold")
    for column in COLUMNS.values():
        table.add_column(column, justify="right", no_wrap=True)
    for name, row in shown.items():
        champion = row["champion"]
        figures = cells(champion["metrics"]) if champion else ["-"] * len(COLUMNS)
        stale = ", ".join(row["stale"]) if row["method"] else _UNPLANNED
        stale = stale or (_UNJUDGED if stand_of(row) == _UNJUDGED else _FINE)
        previous = f"v{row['previous']}" if row["previous"] else "none"
        if row["error"]:
            previous = "unknown"
        others = (_EXTRA[key](row) for key in extra)
        add_row(table, name, row["method"] or "-", stale, _champion(row), previous, *others, *figures)
    if len(categories) > SHOWN_MAX:
        champions = [row["champion"]["metrics"] for row in categories.values() if row["champion"]]
        table.add_section()
        add_row(table, "mean of all", *("" for _ in columns), *cells(means(champions)), style="bold")
    console.print(table)
    for name, row in shown.items():
        if row["watch"] and (alarm := row["watch"]["alarm"]):
            since = _minute(alarm["time"])
            print_line(console, f"{name}: an alarm of the watch stands since {since} UTC: {alarm['sentence']}", "red")
    if len(categories) > SHOWN_MAX:
        print_line(console, tally(categories, stand_of, STANDS) + hint(shown, categories), "bold")


def stand_of(row: Mapping[str, Any]) -> str:
    """One of STANDS."""
    if row["error"]:
        return _UNKNOWN
    if row["champion"] and row["champion"]["verdict"] == "rejected":
        return _REJECTED
    if row["challenger"] and row["challenger"]["verdict"] == "waiting":
        return _WAITING
    if row["watch"] and row["watch"]["alarm"]:
        return _ALARMED
    if not row["method"]:
        return _UNPLANNED
    if row["stale"]:
        return "stale"
    if not row["champion"]:
        return "without a champion"
    return _FINE if row["champion"]["verdict"] and not row["challenger"] else _UNJUDGED


def _champion(row: Mapping[str, Any]) -> Text:
    """Its version, its method where the plan has another, and that it is rejected."""
    if row["error"]:
        return Text("unknown", "red")
    if not (champion := row["champion"]):
        return Text("none")
    other = champion["method"] not in (None, row["method"])
    text = Text(f"v{champion['version']}" + (f" ({champion['method']})" if other else ""))
    return text.append(" rejected", "red") if champion["verdict"] == "rejected" else text


def _challenger(row: Mapping[str, Any]) -> Text:
    """`v3 waits`: for a person."""
    if not (challenger := row["challenger"]):
        return Text("none")
    number = f"v{challenger['version']}"
    return Text(f"{number} waits", "yellow") if challenger["verdict"] else Text(f"{number} {_UNJUDGED}")


def _watch(row: Mapping[str, Any]) -> Text:
    """The last look: when, and what it came to."""
    if not (last := row["watch"]):
        return Text("-")
    return Text(f"{_minute(last['time'])} {last['outcome']}", "red" if last["alarm"] else "")


_EXTRA = {"challenger": _challenger, "watch": _watch}


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
