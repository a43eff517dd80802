"""Which categories the registry knows: their images need not be here."""

from __future__ import annotations

from collections.abc import Iterable

from services.mlflow.registry import Registry
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category


def registered_categories(registry: Registry, dataset: str, name: str | None = None) -> list[Category]:
    """Those of a data set, or the one of that name; at least one.

    Raises:
        SettingsError: there is none; the line says what there is.
    """
    # A log of decisions has one more part to its name.
    known = [Category(*model.split(".")) for model in sorted(registry.names()) if model.count(".") == 1]
    if not (own := [category for category in known if category.dataset == dataset]):
        there = listed(category.dataset for category in known) or "none yet"
        raise SettingsError(f"no category of data set {dataset!r} is registered; registered data sets: {there}")
    if name is None:
        return own
    if not (found := [category for category in own if category.name == name]):
        there = listed(category.name for category in own)
        raise SettingsError(f"data set {dataset!r} has no registered category {name!r}; it has {there}")
    return found


def listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
