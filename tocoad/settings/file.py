"""`params.yaml` in and out: the chosen profile and the sections, kept with their comments; beside it `plan.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tocoad.errors import SettingsError
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Workspace
from tocoad.settings.explain import explain
from tocoad.settings.places import check_places, place_of, without_profiled
from tocoad.settings.plan import Plan
from tocoad.settings.plan_file import checked_plan, move_plan, plan_of, plan_text, write_plan
from tocoad.settings.sections import PROFILED, Settings
from tocoad.settings.yaml_text import commented_yaml, parsed, text_of, written


class _File(BaseModel):
    """The parts of the file; the sections are checked after the profile is laid over them."""

    model_config = ConfigDict(extra="allow")

    profile: str
    profiles: dict[str, dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True)
class Params:
    """The checked content of `params.yaml` and `plan.yaml`."""

    plan: Plan
    profile: str
    settings: Settings


def load_params(workspace: Workspace) -> Params:
    """Reads and checks the files; those that have not changed since the last call are not parsed again.

    Raises:
        SettingsError: params.yaml is missing, a file is broken, a key is unknown (the nearest known one is named) or a
            value is out of its range.
    """
    return _params(_text(workspace), plan_text(workspace), workspace)


@lru_cache(maxsize=1)
def _params(text: str, plans: str, workspace: Workspace) -> Params:
    name = workspace.params_file.name
    document = parsed(text, name)
    plan = _plan(document, plans, workspace)
    profile, settings = _check(document, name)
    _refuse_borrowed_cpus(settings, name)
    return Params(plan, profile, settings)


def _plan(document: dict[str, Any], plans: str, workspace: Workspace) -> Plan:
    """Taken out of the document, where it stood before there was plan.yaml."""
    plan = plan_of(plans, workspace.plan_file.name)
    if "plan" not in document:
        return plan
    return checked_plan({"plan": document.pop("plan")}, workspace.params_file.name).joined(plan)


def settings_with(workspace: Workspace, profile: str | None, *overlays: Mapping[str, Any]) -> Settings:
    """The settings of the file with another profile and more sections laid over it; nothing is written.

    Raises:
        SettingsError: as `load_params`, for the overlays too.
    """
    document = parsed(_text(workspace), workspace.params_file.name)
    document.pop("plan", None)
    chosen = document["profile"] if profile is None else profile
    if chosen not in document["profiles"]:
        raise SettingsError(f"profile {chosen!r} is not one of {', '.join(document['profiles'])}")
    check_places(document, chosen, workspace.params_file.name)
    merged = document["profiles"][chosen]
    for overlay in overlays:
        merged = _merge(merged, overlay)
    document["profile"], document["profiles"] = chosen, {chosen: merged}
    _, settings = _validated(document, workspace.params_file.name)
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
    same; nothing where a key is unknown, a value wrong or `replan` raises.

    A value that stands in the profiles is changed in the chosen one, any other in its section. What the files lack of a
    new method, a list of the plan or a section that DVC wants to read, comes with it; a plan that stands in params.yaml
    moves to plan.yaml. Without `write` the files stay.
    """
    name = workspace.params_file.name
    document = parsed(_text(workspace), name, commented=True)
    moves = "plan" in document
    plan = _plan(document, plan_text(workspace), workspace)
    completed = _complete(document)
    if profile is not None:
        document["profile"] = profile
    _check(document, name)
    for key, text in assignments.items():
        _assign(document, key, _value(key, text))
    chosen, settings = _check(document, name)
    # Of the whole command: what was wrong before may be what it mends.
    _refuse_borrowed_cpus(settings, name)
    params = Params(replan(plan), chosen, settings)
    if write and moves:
        move_plan(workspace, document, params.plan)
    elif write:
        write_plan(workspace, params.plan)
        if completed or assignments or profile is not None:
            write_whole(workspace.params_file, written(document).encode())
    return params


def settle_plan(workspace: Workspace) -> None:
    """Moves a plan that stands in params.yaml to plan.yaml, where this dvc.yaml wants it."""
    if "plan" in parsed(_text(workspace), workspace.params_file.name):
        override(workspace, {})


def save_plan(workspace: Workspace, plan: Plan) -> None:
    """Writes the plan alone."""
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
        return commented_yaml().load(text) if text.strip() else None
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


def _check(document: dict[str, Any], name: str) -> tuple[str, Settings]:
    """The chosen profile, and the settings under it."""
    profile, settings = _validated(document, name)
    check_places(document, profile, name)
    return profile, settings


def _refuse_borrowed_cpus(settings: Settings, name: str) -> None:
    """Ray starts as many stages as it has CPUs for: each with more threads would take them from the others. One thread
    is the least, of however small a share.
    """
    threads, ray = settings.compute.threads, settings.ray
    own = {f"ray.stages.{stage}.num_cpus": asked.num_cpus for stage, asked in ray.stages.items()}
    for key, cpus in {"ray.num_cpus": ray.num_cpus, **own}.items():
        if cpus is not None and threads > max(cpus, 1):
            raise SettingsError(
                f"{name}: compute.threads is {threads} and {key} {cpus:g}: a stage would work on more CPUs than Ray "
                f"gives it; set both to the same, e.g. --set {key}={threads}"
            )


def _validated(document: dict[str, Any], name: str) -> tuple[str, Settings]:
    try:
        file = _File.model_validate(document)
        if file.profile not in file.profiles:
            raise SettingsError(f"{name}: profile {file.profile!r} is not one of {', '.join(file.profiles)}")
        sections = {key: document[key] for key in document if key not in _File.model_fields}
        return file.profile, Settings.model_validate(_merge(sections, file.profiles[file.profile]))
    except ValidationError as error:
        raise SettingsError(f"{name}: {explain(error)}") from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _text(workspace: Workspace) -> str:
    file = workspace.params_file
    try:
        return text_of(file)
    except FileNotFoundError:
        raise SettingsError(f"{file} is missing: run the command in a workspace (tocoad init DIR makes one)") from None
