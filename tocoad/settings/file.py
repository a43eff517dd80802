"""`params.yaml` in and out: the plan, the chosen profile and the sections, kept with their comments."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator, model_validator

from tocoad.errors import SettingsError
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.methods import declared_methods, method_names
from tocoad.settings.places import check_places, place_of, without_profiled
from tocoad.settings.sections import CONTROL, PROFILED, MethodName, Settings


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


class _File(BaseModel):
    """The three parts of the file; the sections are checked after the profile is laid over them."""

    model_config = ConfigDict(extra="allow")

    plan: Plan = Plan()
    profile: str
    profiles: dict[str, dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True)
class Params:
    """The checked content of `params.yaml`."""

    plan: Plan
    profile: str
    settings: Settings


def load_params(workspace: Workspace) -> Params:
    """Reads and checks the file; one that has not changed since the last call is not parsed again, as with a thousand
    categories that takes a good part of a second.

    Raises:
        SettingsError: the file is missing or broken, a key is unknown (the nearest known one is named) or a value is
            out of its range.
    """
    return _params(_text(workspace), workspace.params_file)


@lru_cache(maxsize=1)
def _params(text: str, file: Path) -> Params:
    params = _check(_parsed(text, file), file.name)
    _refuse_borrowed_cpus(params.settings, file.name)
    return params


def settings_with(workspace: Workspace, profile: str | None, *overlays: Mapping[str, Any]) -> Settings:
    """The settings of the file with another profile and more sections laid over it; nothing is written.

    Raises:
        SettingsError: as `load_params`, for the overlays too.
    """
    document = _read(workspace)
    chosen = document["profile"] if profile is None else profile
    if chosen not in document["profiles"]:
        raise SettingsError(f"profile {chosen!r} is not one of {', '.join(document['profiles'])}")
    check_places(document, chosen, workspace.params_file.name)
    merged = document["profiles"][chosen]
    for overlay in overlays:
        merged = _merge(merged, overlay)
    document["profile"], document["profiles"] = chosen, {chosen: merged}
    settings = _validated(document, workspace.params_file.name).settings
    _refuse_borrowed_cpus(settings, workspace.params_file.name)
    return settings


def override(
    workspace: Workspace,
    assignments: Mapping[str, str],
    profile: str | None = None,
    replan: Callable[[Plan], Plan] = lambda plan: plan,
    write: bool = True,
) -> Params:
    """Writes `section.key` values, the profile and the plan where they are in force, so that DVC and the flow see the
    same: all at once, and nothing where a key is unknown, a value wrong or `replan` raises.

    A value that stands in the profiles is changed in the chosen one, any other in its section. What the file lacks of a
    new method, a list of the plan or a section that DVC wants to read, comes with it. Without `write` the file stays.
    """
    document = _read(workspace)
    completed = _complete(document)
    if profile is not None:
        document["profile"] = profile
    _check(document, workspace.params_file.name)
    for key, text in assignments.items():
        _assign(document, key, _value(key, text))
    params = _check(document, workspace.params_file.name)
    # Of the whole command: what was wrong before may be what it mends.
    _refuse_borrowed_cpus(params.settings, workspace.params_file.name)
    params = replace(params, plan=replan(params.plan))
    if replanned := document.get("plan") != (lists := params.plan.lists()):
        document["plan"] = lists
    if write and (completed or replanned or assignments or profile is not None):
        _write(workspace, document)
    return params


def save_plan(workspace: Workspace, plan: Plan) -> None:
    """Writes the plan; the rest of the file stays as it is."""
    override(workspace, {}, replan=lambda _: plan)


def _complete(document: dict[str, Any]) -> bool:
    """Sections of the methods that are missing, with their defaults, and a part of each in every profile."""
    profiles = document.get("profiles")
    places = [document, *(profiles.values() if isinstance(profiles, dict) else ())]
    missing = [
        (place, section) for section in PROFILED for place in places if isinstance(place, dict) and section not in place
    ]
    defaults = Settings().model_dump(mode="json") if missing else {}
    for place, section in missing:
        place[section] = without_profiled(document, section, defaults[section]) if place is document else {}
    return bool(missing)


def parse_assignments(texts: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` texts of `--set`."""
    assignments = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise SettingsError(f"--set {text!r} is not of the form section.key=value, e.g. stage1.lr=1e-3")
        assignments[key.strip()] = value
    return assignments


def _value(key: str, text: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml().load(text) if text.strip() else None
    except YAMLError:
        raise SettingsError(f"--set {key}: {text!r} is not a YAML value") from None


def _assign(document: dict[str, Any], key: str, value: Any) -> None:
    node, place = document, place_of(document, tuple(key.split(".")))
    if len(place) > 2 and place[0] == "profiles" and place[1] not in document["profiles"]:
        raise SettingsError(f"--set {key}: profile {place[1]!r} is not one of {', '.join(document['profiles'])}")
    for part in place[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise SettingsError(f"--set {key}: {part!r} is a value, not a section")
    node[place[-1]] = value


def _check(document: dict[str, Any], name: str) -> Params:
    params = _validated(document, name)
    check_places(document, params.profile, name)
    return params


def _refuse_borrowed_cpus(settings: Settings, name: str) -> None:
    """Ray starts as many stages as it has CPUs for: each with more threads would take them from the others. One thread
    is the least, of however small a share.
    """
    threads, cpus = settings.compute.threads, settings.ray.num_cpus
    if threads > max(cpus, 1):
        raise SettingsError(
            f"{name}: compute.threads is {threads} and ray.num_cpus {cpus:g}: a stage would work on more CPUs than Ray "
            f"gives it; set both to the same, e.g. --set ray.num_cpus={threads}"
        )


def _validated(document: dict[str, Any], name: str) -> Params:
    try:
        file = _File.model_validate(document)
        if file.profile not in file.profiles:
            raise SettingsError(f"{name}: profile {file.profile!r} is not one of {', '.join(file.profiles)}")
        sections = {key: document[key] for key in document if key not in _File.model_fields}
        settings = Settings.model_validate(_merge(sections, file.profiles[file.profile]))
    except ValidationError as error:
        raise SettingsError(f"{name}: {explain(error)}") from None
    return Params(file.plan, file.profile, settings)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def explain(error: ValidationError) -> str:
    """The first problem in one line, with the nearest known name for an unknown key."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {where!r}; {hint}"
    message = problem["msg"].removeprefix("Value error, ")
    given = "" if isinstance(problem["input"], dict) else f" (it is {problem['input']!r})"
    return f"{where}: {message[0].lower()}{message[1:]}{given}"


def _known_keys(path: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in path:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return list(model.model_fields)
        model = annotation
    return list(model.model_fields)


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    return yaml


def _read(workspace: Workspace) -> dict[str, Any]:
    return _parsed(_text(workspace), workspace.params_file)


def _text(workspace: Workspace) -> str:
    file = workspace.params_file
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{file} is missing: run the command in a workspace (a checkout of the project)") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file.name}: not a text in UTF-8 ({error})") from None


def _parsed(text: str, file: Path) -> dict[str, Any]:
    from ruamel.yaml.error import YAMLError

    try:
        document = _yaml().load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SettingsError(f"{file.name}{line}: not valid YAML: {reason}") from None
    except ValueError as error:
        raise SettingsError(f"{file.name}: not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise SettingsError(f"{file.name}: a mapping of sections is expected")
    return document


def _write(workspace: Workspace, document: dict[str, Any]) -> None:
    text = StringIO()
    _yaml().dump(document, text)
    write_whole(workspace.params_file, text.getvalue().encode())
