"""Which categories are trained, and by which method: the plan follows the data that lie in the workspace."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tocoad.errors import SettingsError
from tocoad.files.links import refuse_links
from tocoad.files.workspace import Category, Workspace, is_name
from tocoad.settings.file import load_params, override, save_plan
from tocoad.settings.plan import Plan
from tocoad.settings.sections import MethodName

DEFAULT_METHOD: MethodName = "tocoad"


def select_categories(workspace: Workspace, dataset: str, names: Sequence[str] | None) -> list[Category]:
    """The data set's categories, or those named.

    Raises:
        SettingsError: the data set or a category is not in the workspace; the nearest known name is given.
    """
    present = workspace.categories(dataset)
    if not present:
        if is_name(dataset) and (workspace.root / "data" / f"{dataset}.dvc").is_file():
            way_out = f"data/{dataset}.dvc names its version: tocoad restore {dataset} brings it back"
            raise SettingsError(f"the images of data set {dataset!r} are not here; {way_out}")
        known = sorted(d.name for d in (workspace.root / "data").glob("*") if d.is_dir() and not d.name.startswith("."))
        raise SettingsError(f"data set {dataset!r} is not in this workspace{_hint(dataset, known)}")
    by_name = {category.name: category for category in present}
    if unknown := [name for name in names or () if name not in by_name]:
        raise SettingsError(f"data set {dataset!r} has no category {unknown[0]!r}{_hint(unknown[0], sorted(by_name))}")
    return [by_name[name] for name in dict.fromkeys(names)] if names else present


def plan_categories(
    workspace: Workspace,
    dataset: str,
    names: Sequence[str] | None = None,
    method: MethodName | None = None,
    assignments: Mapping[str, str] = MappingProxyType({}),
    profile: str | None = None,
    write: bool = True,
) -> list[Category]:
    """The selected categories, entered in `plan.yaml`: with `method`, or as they are there already.

    `assignments` and `profile` go into `params.yaml` with it (`override`); both files stay as they were where anything
    of the whole is wrong: a category that is not there, or images or results that would lie behind a link. Without
    `write` that is all that is found out.
    """
    categories = select_categories(workspace, dataset, names)
    results = [workspace.work_dir(category) for category in categories]
    refuse_links(workspace, [workspace.dataset_dir(dataset), *results])

    def replan(plan: Plan) -> Plan:
        known = set(plan.categories)
        new = [category for category in categories if str(category) not in known]
        plan = plan.with_categories(new, DEFAULT_METHOD)
        return plan if method is None else plan.with_categories(categories, method)

    override(workspace, assignments, profile, replan, write)
    return categories


def drop_missing(workspace: Workspace, dataset: str) -> None:
    """Takes the data set's categories that are no longer there out of the plan."""
    plan = load_params(workspace).plan
    present = {str(category) for category in workspace.categories(dataset)}
    gone = {name for name in plan.categories if Category.parse(name).dataset == dataset and name not in present}
    if gone:
        save_plan(workspace, plan.without(gone))


def _hint(name: str, known: Sequence[str]) -> str:
    if near := difflib.get_close_matches(name, known, n=1):
        return f"; did you mean {near[0]!r}?"
    if known:
        return f"; it has {', '.join(known)}"
    return "; bring one in with: tocoad data add SOURCE --name NAME, or: tocoad sample"
