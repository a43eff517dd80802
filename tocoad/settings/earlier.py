"""Settings of an earlier state of a workspace in place of the present ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tocoad.settings.yaml_text import parsed, written

_NAME = "params.yaml"
# Addresses and sizes are the machine's, and decide no number; the plan is in a file of its own since.
_OF_THE_MACHINE = ("ray", "flow")
_NOT_COMPARED = (*_OF_THE_MACHINE, "plan")


@dataclass(frozen=True)
class Earlier:
    """The content of params.yaml with the earlier settings, and the keys of which the present value is another."""

    text: str
    keys: tuple[str, ...]


def earlier_settings(then: str, now: str) -> Earlier:
    """`now` itself where nothing differs that decides a number or a verdict. Raises SettingsError."""
    before, present = parsed(then, _NAME), parsed(now, _NAME)
    old, new = (dict(_flat(_compared(document))) for document in (before, present))
    keys = tuple(key for key in {**old, **new} if old.get(key, _NOTHING) != new.get(key, _NOTHING))
    if not keys:
        return Earlier(now, ())
    same = all(before.get(section) == present.get(section) for section in _NOT_COMPARED)
    return Earlier(then if same else _with_this_machine(then, now), keys)


_NOTHING = object()


def _compared(document: Mapping[str, Any]) -> dict[str, Any]:
    return {section: value for section, value in document.items() if section not in _NOT_COMPARED}


def _with_this_machine(then: str, now: str) -> str:
    document, present = parsed(then, _NAME, commented=True), parsed(now, _NAME, commented=True)
    document.pop("plan", None)
    for section in _OF_THE_MACHINE:
        if section in present:
            document[section] = present[section]
    return written(document)


def _flat(section: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
