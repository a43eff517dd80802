"""The methods there are, for what lies below them.

`tocoad.methods.table` is found by its name: settings and stages are assembled from what the methods declare, and the
methods are built on settings and stages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol, cast

from tocoad.settings.base import Section


class DeclaredStage(Protocol):
    """What the settings need of a `tocoad.stages.declaration.Stage`."""

    @property
    def name(self) -> str: ...

    @property
    def params(self) -> tuple[str, ...]: ...

    @property
    def trains(self) -> bool: ...


class DeclaredMethod(Protocol):
    """What the settings need of a `tocoad.stages.declaration.Method`."""

    @property
    def name(self) -> str: ...

    @property
    def stages(self) -> Sequence[DeclaredStage]: ...

    @property
    def settings(self) -> tuple[type[Section], ...]:
        """Models whose fields are the method's sections of `params.yaml`."""

    @property
    def shared_plans(self) -> Mapping[str, Literal["category", "dataset"]]:
        """Lists of the plan that follow by themselves, and what they list."""


@cache
def declared_methods() -> Mapping[str, DeclaredMethod]:
    """By name, in the order of the table."""
    return {name: cast(DeclaredMethod, _load(place)) for name, place in _table().items()}


def method_names() -> tuple[str, ...]:
    return tuple(_table())


def stage_names() -> tuple[str, ...]:
    """Of all methods, each once."""
    return tuple(dict.fromkeys(stage.name for method in declared_methods().values() for stage in method.stages))


def trains(stage: str) -> bool:
    """Whether it is one of those that several workers may share."""
    stages = (each for method in declared_methods().values() for each in method.stages)
    return any(each.name == stage and each.trains for each in stages)


def computes(stage: str) -> bool:
    """Whether it is one of those that a GPU is of use for: they depend on `compute`."""
    stages = (each for method in declared_methods().values() for each in method.stages)
    return any(each.name == stage and "compute" in each.params for each in stages)


def _table() -> Mapping[str, str]:
    table: Mapping[str, str] = import_module("tocoad.methods.table").TABLE
    return table


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
