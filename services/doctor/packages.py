"""Are the installed packages those that this version was made for?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions, requires
from pathlib import Path
from typing import TYPE_CHECKING

from services.doctor.case import Case
from services.doctor.finding import Finding
from services.doctor.software import CODE, NAMED, installed

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_SHOWN = 5
_LOCK = CODE / "requirements.lock"
# Evaluators of others, which set their own conditions.
_NOT_OURS = {"compare"}


def check(case: Case) -> Iterator[Finding]:
    """Against the ranges that the installed tocoad asks for."""
    yield Finding("packages", "ok", ", ".join(f"{name} {installed(name) or 'missing'}" for name in NAMED))
    yield from out_of_range(requires("tocoad") or ())


def out_of_range(requirements: Iterable[str]) -> Iterator[Finding]:
    """What is missing of them, or has another version. Of an extra only what is installed counts."""
    from packaging.requirements import Requirement

    for wanted in map(Requirement, requirements):
        extra = _extra(wanted)
        if extra in _NOT_OURS or (wanted.marker and not wanted.marker.evaluate({"extra": extra})):
            continue
        found = installed(wanted.name)
        ask = f"pip install '{wanted.name}{wanted.specifier}'"
        if found is None and not extra:
            yield Finding("packages", "bad", f"{wanted.name} is missing", ask)
        elif found is not None and not wanted.specifier.contains(found, prereleases=True):
            text = f"{wanted.name} is {found}, which is not in {wanted.specifier}"
            yield Finding("packages", "warn" if extra else "bad", text, f"{ask}, or make setup")


def check_lock(case: Case, lock: Path = _LOCK) -> Iterator[Finding]:
    """Against the one proven set, where the sources are at hand; of another set other bytes may come."""
    if not lock.is_file():
        return
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {canonicalize_name(one.name): str(one.version) for one in distributions() if one.name}
    wanted: dict[str, str] = dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))
    other = [
        f"{name} {found[canonicalize_name(name)]} for {number}"
        for name, number in wanted.items()
        if found.get(canonicalize_name(name), number).partition("+")[0] != number.partition("+")[0]
    ]
    if not other:
        yield Finding("lock", "ok", f"what is installed is as in {lock.name}")
        return
    more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
    text = f"{len(other)} packages are not as in {lock.name}: {', '.join(other[:_SHOWN])}{more}"
    yield Finding("lock", "warn", text, "make setup installs them; fine if you meant it")


def _extra(wanted: Requirement) -> str:
    """The name of the group that a requirement belongs to; empty of what everybody needs."""
    named = re.search(r"""extra\s*==\s*["']([\w-]+)["']""", str(wanted.marker or ""))
    return named[1] if named else ""
