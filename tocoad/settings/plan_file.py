"""`plan.yaml` in and out, and the plan's way there from `params.yaml`, where it stood before (docs/decisions/0026).

DVC reads params.yaml once for every job, and the plan once: a file with both costs the square of the categories.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tocoad.errors import SettingsError
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Workspace
from tocoad.settings.explain import explain
from tocoad.settings.plan import Plan
from tocoad.settings.yaml_text import parsed, text_of, written

_HEAD = """\
# Which categories each method trains (DATASET/CATEGORY). `tocoad data add` and `tocoad retrain --method` write it.
# The control, patchcore, stands beside every category.
# The list `unified`, of data sets with a category of recontrast_unified, follows by itself.
"""
# As it stood in params.yaml, above the plan.
_MOVED_COMMENT = """\
# Which categories each method trains (DATASET/CATEGORY). The control, patchcore, stands beside every category.
# The list `unified`, of data sets with a category of recontrast_unified, follows by itself.

"""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    plan: Plan


def plan_text(workspace: Workspace) -> str:
    """The content of the file; empty where there is none, as in a workspace that has not planned anything yet."""
    try:
        return text_of(workspace.plan_file)
    except FileNotFoundError:
        return ""


@lru_cache(maxsize=1)
def plan_of(text: str, name: str) -> Plan:
    """The plan in the file's content."""
    return checked_plan(parsed(text, name), name) if text else Plan()


def checked_plan(content: dict[str, Any], name: str) -> Plan:
    """Of a mapping with the key `plan` and no other."""
    try:
        return _File.model_validate(content).plan
    except ValidationError as error:
        raise SettingsError(f"{name}: {explain(error, _File)}") from None


def write_plan(workspace: Workspace, plan: Plan) -> None:
    """Nothing is written where the file says so already."""
    text = _HEAD + "plan:\n" + "".join(_list(key, names) for key, names in plan.lists().items())
    if text != plan_text(workspace):
        write_whole(workspace.plan_file, text.encode())


def _list(key: str, names: Sequence[str]) -> str:
    # What has a slash is text in YAML, whatever else is in it; the name of a data set may look like a number.
    items = "".join(f"    - {name if '/' in name else json.dumps(name)}\n" for name in names)
    return f"  {key}:\n{items}" if names else f"  {key}: []\n"


def move_plan(workspace: Workspace, document: dict[str, Any], plan: Plan) -> None:
    """For a `document` of params.yaml that had the plan: wherever this breaks off, that file still has it, and what is
    there counts; only then DVC, which would find the plan twice, waits for the next command that writes.
    """
    write_plan(workspace, plan)
    _let_dvc_read_it(workspace)
    write_whole(workspace.params_file, written(document).replace(_MOVED_COMMENT, "").encode())


def _let_dvc_read_it(workspace: Workspace) -> None:
    """Names plan.yaml in a dvc.yaml of before."""
    file, name = workspace.root / "dvc.yaml", workspace.plan_file.name
    try:
        document = parsed(text_of(file), file.name, commented=True)
    except FileNotFoundError:
        return
    if name not in (present := document.pop("vars", [])):
        document.insert(0, "vars", [*present, name])  # type: ignore[attr-defined]
        write_whole(file, written(document).replace("the plan of params.yaml gives", "plan.yaml gives").encode())
