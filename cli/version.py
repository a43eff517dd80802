"""`tocoad --version`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


class Version(argparse.Action):
    """Prints what a report of a defect needs first, and ends. To find it out costs more than other commands want to
    pay for being parsed.
    """

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(
            option_strings, dest, nargs=0, help="show the versions of tocoad and what it stands on, and exit"
        )

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        from services.doctor.software import NAMED, software

        found = software()
        commit = f" ({found['commit']})" if found["commit"] else ""
        print(f"tocoad {found['tocoad']}{commit}")
        print(", ".join([f"Python {found['python']}", *(f"{name} {found[name] or 'missing'}" for name in NAMED)]))
        parser.exit()
