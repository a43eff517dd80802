"""What standard output and standard error can take: results must not be lost to the terminal's encoding."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path


def take_every_character() -> None:
    """What the terminal's encoding lacks is written as an escape, where Python would raise after all the work.

    A stream that was closed (`>&-`) is None, and takes no character at all: what it would show is dropped.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_error(text: str, kind: str = "error") -> None:
    """One message on standard error; names in it may hold anything."""
    from tocoad.text.printable import printable_lines

    print(f"{kind}: {printable_lines(text)}", file=sys.stderr)
