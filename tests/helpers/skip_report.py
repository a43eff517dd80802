"""What was skipped and how to run it: said at the end of a pytest run, and once more after several.

A plugin of pytest, and a command: `python tests/helpers/skip_report.py FOLDER` prints what the runs that had SKIPPED_TO
set to the folder wrote there.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "SKIPPED_TO"


def reason(lacking: str, remedy: str) -> str:
    """Of a skip: what is not here, and the command that brings it, or where else the test runs."""
    return f"{lacking}; to run: {remedy}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reasons = [report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", ())]
    if reasons:
        terminalreporter.section("skipped, and how to run it")
        terminalreporter.write_line("\n".join(grouped(reasons)))
    if folder := os.environ.get(FOLDER_VARIABLE):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, f"{os.getpid()}.txt").write_text("".join(f"{text}\n" for text in reasons), encoding="utf-8")


def grouped(reasons: Iterable[str]) -> list[str]:
    """A line for each reason, the most frequent first."""
    return [f"skipped {count}: {text}" for text, count in Counter(reasons).most_common()]


def main(folder: Path) -> None:
    reasons = [line for file in sorted(folder.glob("*.txt")) for line in file.read_text(encoding="utf-8").splitlines()]
    print("\n".join(grouped(reasons)) or "skipped: nothing")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
