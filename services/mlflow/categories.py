"""Which categories the registry knows: their images need not be here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.mlflow.registry import Registry
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, is_name


def registered_categories(registry: Registry, dataset: str, names: Sequence[str] | None = None) -> list[Category]:
    """Those of a data set, or the named ones in their order, each once; at least one.

    Raises:
        SettingsError: there is none; the line says what there is.
    """
    # A log of decisions has one more part to its name; others may keep models of their own there.
    parts = [model.split(".") for model in sorted(registry.names())]
    known = [Category(*both) for both in parts if len(both) == 2 and all(map(is_name, both))]
    if not (own := [category for category in known if category.dataset == dataset]):
        there = listed(category.dataset for category in known) or "none yet"
        raise SettingsError(f"no category of data set {dataset!r} is registered; registered data sets: {there}")
    known_by_name = {category.name: category for category in own}
    if unknown := [name for name in names or () if name not in known_by_name]:
        there = listed(known_by_name)
        raise SettingsError(f"data set {dataset!r} has no registered category {unknown[0]!r}; it has {there}")
    return [known_by_name[name] for name in dict.fromkeys(names or known_by_name)]


def listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
