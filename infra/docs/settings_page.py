"""The reference of the settings, `docs/reference/settings.md`, from the types that check `params.yaml`.

What is delivered is read from `params.yaml` itself; what a key decides, from what the stages declare.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tocoad.files.workspace import Workspace
from tocoad.settings.base import Section
from tocoad.settings.file import settings_with
from tocoad.settings.methods import declared_methods
from tocoad.settings.sections import Settings
from tocoad.settings.yaml_text import parsed

_HEAD = """\
# Settings

<!-- generated: python -m infra.docs reference -->

Every key of `params.yaml`, with what is delivered, what else it may be, and what it is for. `tocoad retrain NAME --set
SECTION.KEY=VALUE` writes one where it belongs; `--profile NAME` chooses between the budgets. An unknown key is refused
with the nearest known one.

A *stage* that a section decides is run again when a value of it changes, and with it what reads its output
([stages](../explanation/architecture.md#the-stages)); what decides no stage changes no number.
[`plan.yaml`](../../plan.yaml), which says which method trains which category, is written by the commands.
[Variables of the environment](environment.md) are the third place, for addresses and secrets.
"""
_NAMES: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "`true`, `false`",
    str: "text",
    Path: "a path",
    type(None): "null",
}
_BOUNDS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"), ("multiple_of", "a multiple of"))


def settings_page(workspace: Workspace) -> str:
    """The page, with what the files of a workspace as it is delivered hold."""
    document = parsed(workspace.params_file.read_text(encoding="utf-8"), workspace.params_file.name)
    delivered = {profile: settings_with(workspace, profile) for profile in document["profiles"]}
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        rows = _keys(name, field.annotation) if _is_section(field.annotation) else [(name, field)]
        parts.append(f"\n## {name}\n\n{_decides(name)}\n\n| key | delivered | may be | is |\n|---|---|---|---|\n")
        for key, of_key in rows:
            value = _delivered(key, of_key, delivered)
            parts.append(_row(f"`{key}`", value, _may_be(of_key), of_key.description or ""))
    return "".join(parts)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _decides(section: str) -> str:
    """In a sentence, from what the stages declare."""
    stages = {
        stage.name: None for method in declared_methods().values() for stage in method.stages if section in stage.params
    }
    if not stages:
        return "Decides no stage."
    return f"Decides {', '.join(f'`{name}`' for name in stages)}."


def _keys(prefix: str, section: Any) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a section, those of sections within it after the key that holds them."""
    for key, field in section.model_fields.items():
        name = f"{prefix}.{key}"
        inner = _inner(field.annotation)
        if inner is None or field.description:
            yield name, field
        if inner is not None:
            yield from _keys(f"{name}.NAME" if get_origin(field.annotation) is dict else name, inner)


def _inner(annotation: Any) -> Any:
    """The section that a key holds, alone, in a list or by names."""
    if _is_section(annotation):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner(part))), None)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _delivered(key: str, field: FieldInfo, delivered: Mapping[str, Settings]) -> str:
    """The value in force, or each profile's."""
    names = key.split(".")
    if "NAME" in names:
        return _value(field.get_default())
    values = {profile: _value(reduce(getattr, names, settings)) for profile, settings in delivered.items()}
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{profile} {value}" for profile, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, Section):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return f"`{{{', '.join(f'{key}: {inner}' for key, inner in value.items())}}}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if str(value) else "empty"


def _may_be(field: FieldInfo) -> str:
    found = ((word, getattr(rule, name, None)) for name, word in _BOUNDS for rule in field.metadata)
    bounds = [f"{word} {bound:g}" for word, bound in found if bound is not None]
    return ", ".join(filter(None, (_kind(field.annotation), *bounds)))


def _kind(annotation: Any) -> str:
    """The type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_kind, arguments)))
    if origin is tuple:
        return f"a list, each {_kind(arguments[0])}"
    if origin is dict:
        return "by names: " + _kind(arguments[1])
    if hasattr(annotation, "__metadata__"):  # of what an Annotated is
        return _kind(annotation.__origin__)
    return "its keys" if _is_section(annotation) else _NAMES.get(annotation, str(annotation))
