"""Keeps what infra/ranges.sh found in docs/results/ranges.json, and writes docs/results/ranges.md from it.

python infra/ranges_page.py END PART RESULTS.xml     of a part of the tests, run in this process's environment
python infra/ranges_page.py                          the page alone
"""

from __future__ import annotations

import datetime
import json
import platform
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs/results/ranges.json"
PAGE = KEPT.with_suffix(".md")
ENDS = ("lowest", "newest")
GROUPS = ("dev", "docs", "export")
_SHOWN = 20

_TEXT = """# The ranges of pyproject.toml

Made by `infra/ranges.sh lowest` and `infra/ranges.sh newest`: the lowest and the newest versions in the ranges that the
index serves, each in an environment of its own, and the tests run there.

{runs}

{failures}

## What was installed

The lock's version is the one that everything else here was measured with. Of the packages that a dependency brings
along the newest ones that fit were taken at both ends.

| dependency | range | lowest | lock | newest |
|---|---|---|---|---|
{rows}
"""


def requirements() -> dict[str, Requirement]:
    """What pyproject asks for, by name, but for what only other evaluators and servers need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = (project["optional-dependencies"][group] for group in GROUPS)
    texts = [*project["dependencies"], *(text for group in groups for text in group)]
    return {found.name: found for found in map(Requirement, sorted(texts))}


def locked() -> dict[str, str]:
    """The lock's versions."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {name: number for name, _, number in (re.split("(==)", line, maxsplit=1) for line in lines if "==" in line)}


def keep(end: str, part: str, results: Path) -> None:
    """Puts the outcome of a part of the tests, and this environment's versions, beside what is kept already."""
    kept = read()
    versions = {name: _version(name) for name in requirements()}
    before = kept.get(end, {})
    # What other versions gave says nothing of these.
    parts = before["parts"] if before.get("versions") == versions else {}
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    kept[end] = {"versions": versions, "machine": machine, "parts": {**parts, part: _outcome(results)}}
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def page() -> str:
    """From what is kept."""
    kept = read()
    runs = [_run(end, part, outcome) for end in ENDS for part, outcome in kept.get(end, {"parts": {}})["parts"].items()]
    head = "| versions | tests | passed | failed | skipped | minutes | on |\n|---|---|---:|---:|---:|---:|---|"
    lock = locked()
    rows = (
        f"| {name} | `{wanted.specifier}` | {_found(kept, 'lowest', name)} | {lock.get(name, '-')} | "
        f"{_found(kept, 'newest', name)} |"
        for name, wanted in requirements().items()
    )
    return _TEXT.format(runs="\n".join([head, *runs]), failures=_failures(kept), rows="\n".join(rows))


def _run(end: str, part: str, outcome: Mapping[str, Any]) -> str:
    counts = (outcome["passed"], len(outcome["failed"]), outcome["skipped"], round(outcome["seconds"] / 60))
    return f"| {end} | `{part}` | {' | '.join(map(str, counts))} | {outcome['date']} |"


def _failures(kept: Mapping[str, Any]) -> str:
    lines = [
        f"- {end}: `{name}`"
        for end in ENDS
        for outcome in kept.get(end, {"parts": {}})["parts"].values()
        for name in outcome["failed"]
    ]
    if not kept:
        return "Nothing has been run."
    if not lines:
        return "Nothing failed."
    more = [f"- and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join(["Failed:", "", *lines[:_SHOWN], *more])


def _outcome(results: Path) -> dict[str, Any]:
    suite = ElementTree.parse(results).getroot()  # noqa: S314 - pytest's own
    cases = list(suite.iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    return {
        "passed": len(cases) - len(failed) - len(skipped),
        "failed": sorted({f"{case.get('classname')}::{case.get('name')}" for case in failed}),
        "skipped": len(skipped),
        "seconds": round(sum(float(case.get("time", 0)) for case in cases)),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _found(kept: Mapping[str, Any], end: str, name: str) -> str:
    return str(kept.get(end, {"versions": {}})["versions"].get(name) or "-")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def read() -> dict[str, Any]:
    """What is kept, by the end of the ranges."""
    return dict(json.loads(KEPT.read_text(encoding="utf-8"))) if KEPT.is_file() else {}


def main(arguments: Iterable[str]) -> None:
    if given := list(arguments):
        end, part, results = given
        keep(end, part, Path(results))
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
