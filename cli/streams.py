"""What standard output and standard error can take: results must not be lost to the terminal's encoding."""

from __future__ import annotations

import sys
from io import TextIOWrapper


def take_every_character() -> None:
    """What the terminal's encoding lacks is written as an escape, where Python would raise after all the work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_error(text: str) -> None:
    """One message on standard error; names in it may hold anything."""
    from tocoad.printable import printable_lines

    print(f"error: {printable_lines(text)}", file=sys.stderr)
