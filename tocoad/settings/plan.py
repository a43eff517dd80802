"""Which categories each method trains."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, create_model, field_validator, model_validator

from tocoad.files.workspace import Category
from tocoad.settings.methods import declared_methods, method_names
from tocoad.settings.sections import CONTROL, MethodName


class _Plan(BaseModel):
    """Which categories each method trains. The control stands beside every category."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _names_of_categories(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            Category.parse(name)
        return names

    @model_validator(mode="before")
    @classmethod
    def _shared_lists_are_not_read(cls, content: Any) -> Any:
        return {key: content[key] for key in content if key not in _SHARED} if isinstance(content, Mapping) else content

    def of(self, method: MethodName) -> tuple[str, ...]:
        """The categories that have the method."""
        names: tuple[str, ...] = getattr(self, method)
        return names

    @property
    def categories(self) -> tuple[str, ...]:
        """All of them."""
        return self.of(CONTROL)

    def lists(self) -> dict[str, list[str]]:
        """The content of `plan` in the file: beside the methods' lists those that follow from them, for the matrices of
        dvc.yaml.
        """
        shared = {
            name: sorted({_whose(text, kind) for method in methods for text in self.of(method)})
            for name, (kind, methods) in _SHARED.items()
        }
        return {**{key: list(names) for key, names in self.model_dump().items()}, **shared}

    def method(self, category: Category) -> MethodName:
        """The method whose detector is the category's candidate for the line."""
        return self.candidates.get(str(category), CONTROL)

    @cached_property
    def candidates(self) -> dict[str, MethodName]:
        """The method of each category that has another than the control."""
        methods = [name for name in method_names() if name != CONTROL]
        return {category: method for method in reversed(methods) for category in self.of(method)}

    def with_categories(self, categories: Iterable[Category], method: MethodName) -> Plan:
        names = {str(category) for category in categories}
        lists = {
            key: (set(self.of(key)) | names) if key in (method, CONTROL) else (set(self.of(key)) - names)
            for key in type(self).model_fields
        }
        return Plan(**{key: tuple(sorted(values)) for key, values in lists.items()})

    def joined(self, other: Plan) -> Plan:
        """With what the other has of categories that this one says nothing of."""
        known = {name for key in type(self).model_fields for name in self.of(key)}
        lists = {key: {*self.of(key), *(set(other.of(key)) - known)} for key in type(self).model_fields}
        return Plan(**{key: tuple(sorted(names)) for key, names in lists.items()})

    def without(self, names: Container[str]) -> Plan:
        """Of categories that are no longer there."""
        return Plan(**{key: tuple(n for n in self.of(key) if n not in names) for key in type(self).model_fields})


def _shared_lists() -> dict[str, tuple[str, list[MethodName]]]:
    """By name, what a list of the plan has that follows by itself, categories or data sets, and of which methods."""
    found: dict[str, tuple[str, list[MethodName]]] = {}
    for method in declared_methods().values():
        for name, kind in method.shared_plans.items():
            found.setdefault(name, (kind, []))[1].append(method.name)
    return found


def _whose(category: str, kind: str) -> str:
    return Category.parse(category).dataset if kind == "dataset" else category


_SHARED = _shared_lists()

if TYPE_CHECKING:

    class Plan(_Plan):
        def __init__(self, **lists: tuple[str, ...]) -> None: ...
else:
    _lists = dict.fromkeys((CONTROL, *method_names()), (tuple[str, ...], ()))
    Plan = create_model("Plan", __base__=_Plan, __module__=__name__, **_lists)
