"""The one place of a key: its section, or the profiles where any of them holds it (docs/decisions/0019).

The chosen profile is laid over the sections. A value in a section whose key the profile holds is one that nobody reads,
and a section that dvc.yaml does not name below `profiles` would change figures while nothing is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocoad.errors import SettingsError
from tocoad.settings.sections import PROFILED

# As params.yaml is delivered, for profiles that hold no value of their own: whoever has not touched it is told nothing.
_DELIVERED: Mapping[tuple[str, str], object] = {("stage1", "lr"): 1e-4, ("bank", "scales"): [1.0]}


def check_places(document: Mapping[str, Any], profile: str, file: str) -> None:
    """The document is valid in all else.

    Raises:
        SettingsError: the profile holds a section that is not a profile's, or a key that the section has too.
    """
    for section, values in document["profiles"][profile].items():
        if section not in PROFILED:
            key = next((f"{section}.{name}" for name in values), section) if isinstance(values, Mapping) else section
            raise SettingsError(
                f"{file}: profiles.{profile}.{section}: a profile holds {', '.join(PROFILED)} and no other section: "
                f"set {key} outside of the profiles"
            )
        if not isinstance(own := document.get(section), Mapping | None):
            raise SettingsError(
                f"{file}: {section}: a section with its keys is expected, for the profile to lie over (it is {own!r})"
            )
        for key, value in values.items():
            if _is_set(document, section, key):
                raise SettingsError(
                    f"{file}: {section}.{key} stands in two places: {document[section][key]!r} in the section, and "
                    f"{value!r} in profiles.{profile}.{section}, which is in force: take it out of the section, "
                    f"and change profiles.{profile}.{section}.{key}"
                )


def place_of(document: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Where a value for `keys` (a section and a key in it) is to be written: where it is in force under the chosen
    profile, and under no other profile in the way of that profile's own.
    """
    if len(keys) == 2 and keys[0] in PROFILED:
        profile, (section, key) = document["profile"], keys
        held = _profiles_with(document, section, key)
        if profile in held or (held and not _is_set(document, section, key)):
            return ("profiles", profile, section, key)
    return keys


def without_profiled(document: Mapping[str, Any], section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of values for a section those that no profile holds."""
    return {key: value for key, value in values.items() if not _profiles_with(document, section, key)}


def _profiles_with(document: Mapping[str, Any], section: str, key: str) -> list[str]:
    profiles = _mapping(document.get("profiles"))
    return [name for name, sections in profiles.items() if key in _mapping(_mapping(sections).get(section))]


def _is_set(document: Mapping[str, Any], section: str, key: str) -> bool:
    """Whether the section says anything of its own of the key; empty, or as it was delivered, it does not."""
    value = _mapping(document.get(section)).get(key)
    return value is not None and value != _DELIVERED.get((section, key))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
