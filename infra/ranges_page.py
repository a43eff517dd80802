"""Keeps what infra/ranges.sh found in docs/results/ranges.json, and writes docs/results/ranges.md from it.

python infra/ranges_page.py END PART RESULTS.xml     of a part of the tests, run in this process's environment
python infra/ranges_page.py                          the page alone
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs/results/ranges.json"
PAGE = KEPT.with_suffix(".md")
ENDS = ("lowest", "newest")
GROUPS = ("dev", "docs", "export")

_TEXT = """# The ranges of pyproject.toml

Made by `infra/ranges.sh lowest` and `infra/ranges.sh newest`: the lowest and the newest versions in the ranges that the
index serves, each in an environment of its own, and the tests run there. What the table does not name was not run.

{runs}

{failures}

## What was found so

Bounds that were false, and are raised: OpenCV 4.12 has no `cv2.utils.logging`, Ray 2.55 no `LoggingConfig` in
`ray.train.v2` and Ray 2.57 no limit to the tries after a node is taken away, SQLAlchemy before 2.0.20 not what Prefect
imports, hypothesis 6.100 asks NumPy for what its version 2 has lost. NumPy before 2.1.2 rounds in a thread as NumPy 1
did, a Python number times a float32 in float64: a package had other bytes by where it was made. Pydantic 2.11 has no
`exclude_if`, onnxscript 0.6.0 converts no model that has functions, psutil 5.9 has no `Process.net_connections` (tests
alone ask for it). Rich before 15 ends its bars with an empty line in a log, which ours do not any more. Not of the
versions: `serve` was missing in `test_endings` on that day, MLflow's page of code had grown in
`test_mlflow_keeps_every_byte_once`, on a busy machine an upload may end before it is killed (`test_checkpoints`), an
environment had no pip to build the wheel with, and the four of `test_versions` at the lowest failed while a second run
of the same end installed: they ran again by themselves, and what is installed as it should be is left alone now.
The other failures were tests that asked for more than is promised; they are mended.

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
    """The lock's version of each of them; one that it lacks is not there."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    numbers = {canonicalize_name(name): number for name, number in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}
    names = {name: canonicalize_name(name) for name in requirements()}
    return {name: numbers[same] for name, same in names.items() if same in numbers}


def keep(end: str, part: str, results: Path) -> None:
    """Puts the outcome of a part of the tests, and this environment's versions, beside what is kept already."""
    kept = read()
    versions = {name: installed(name) for name in requirements()}
    parts = kept.get(end, {"parts": {}})["parts"]
    parts[part] = {**_outcome(results), "versions": versions}
    kept[end] = {"versions": versions, "parts": parts}
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def page() -> str:
    """From what is kept."""
    kept = read()
    runs = [
        _run(end, part, outcome, kept[end]["versions"])
        for end in ENDS
        for part, outcome in kept.get(end, {"parts": {}})["parts"].items()
    ]
    head = "| versions | tests | passed | failed | skipped | minutes | on |\n|---|---|---:|---:|---:|---:|---|"
    lock = locked()
    rows = (
        f"| {name} | `{wanted.specifier}` | {_found(kept, 'lowest', name)} | {lock.get(name, '-')} | "
        f"{_found(kept, 'newest', name)} |"
        for name, wanted in requirements().items()
    )
    return _TEXT.format(runs="\n".join([head, *runs]), failures=_failures(kept), rows="\n".join(rows))


def _run(end: str, part: str, outcome: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Where a bound has moved since, the row says which versions it was run with."""
    other = [f"{name} {was}" for name, was in outcome["versions"].items() if was and was != now.get(name)]
    versions = f"{end}, but {', '.join(other)}" if other else end
    counts = (outcome["passed"], len(outcome["failed"]), outcome["skipped"], round(outcome["seconds"] / 60))
    return f"| {versions} | `{part}` | {' | '.join(map(str, counts))} | {outcome['date']} |"


def _failures(kept: Mapping[str, Any]) -> str:
    """Each test once, with how many of its cases failed."""
    failed = Counter(
        (end, name.partition("[")[0])
        for end in ENDS
        for outcome in kept.get(end, {"parts": {}})["parts"].values()
        for name in outcome["failed"]
    )
    if not kept:
        return "Nothing has been run."
    if not failed:
        return "Nothing failed."
    lines = [f"- {end}: `{name}`" + (f", {cases} cases" if cases > 1 else "") for (end, name), cases in failed.items()]
    return "\n".join(["Failed:", "", *lines])


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


def installed(name: str) -> str | None:
    """Its version here."""
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
