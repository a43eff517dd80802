"""The one place where the format of a card counts: what earlier versions wrote is made what this one reads.

A format that says something new, or the old otherwise, gets the next number, and what it replaces a migration here: a
version that knows the earlier one alone then says what to upgrade. The seal is that of all formats.

1: until 2026-11, with or without a seal, `serves`, `depth` and `autocast`. 2: with `probes`. 3: with a reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from tocoad.errors import StageError

Document = dict[str, Any]

FORMAT: Literal[3] = 3


def _without_more(document: Document) -> Document:
    """All that it says, the next one says in the same way."""
    return document


# From each earlier format to the next.
MIGRATIONS: Mapping[int, Callable[[Document], Document]] = {1: _without_more, 2: _without_more}


class NewerCardError(StageError):
    """The card is of a format that came after this software; one line, with what to upgrade."""


def as_present(document: Document, file: Path) -> Document:
    """The content of the card `file` as a document of the present format.

    Raises:
        NewerCardError: the card is of a later one.
        ValueError: it is of none.
    """
    found = document.get("format")
    if type(found) is not int or found < 1:
        raise ValueError(f"format: {found!r} is none that a card has")
    if found > FORMAT:
        here = Path(__file__).parents[2]
        raise NewerCardError(
            f"{file} is of format {found}, and tocoad {version('tocoad')} in {here} reads cards up to format {FORMAT}: "
            "upgrade tocoad there"
        )
    for number in range(found, FORMAT):
        document = {**MIGRATIONS[number](document), "format": number + 1}
    return document
