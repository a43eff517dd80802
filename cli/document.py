"""What `--json` leaves on standard output: one document, whatever happens."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tocoad.errors import error_line


def print_document(document: Mapping[str, Any]) -> None:
    json.dump(document, sys.stdout, indent=1)
    print()


def print_failure(error: Exception) -> None:
    """In place of the document that a command would have printed; standard error says more."""
    # Whoever read it may be why the command failed.
    with suppress(OSError):
        print_document({"error": error_line(error)})
