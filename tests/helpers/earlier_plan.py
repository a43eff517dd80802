"""A workspace of before there was plan.yaml."""

from __future__ import annotations

from io import StringIO

from ruamel.yaml import YAML

from tests.helpers.project import PROJECT
from tocoad.files.workspace import Workspace
from tocoad.settings.plan import Plan

_COMMENT = """\
# Which categories each method trains (DATASET/CATEGORY). The control, patchcore, stands beside every category.
# The list `unified`, of data sets with a category of recontrast_unified, follows by itself.
"""


def plan_of_before(workspace: Workspace, plan: Plan) -> Workspace:
    """The plan stands in params.yaml, and dvc.yaml looks for it there."""
    workspace.plan_file.unlink(missing_ok=True)
    lists = StringIO()
    YAML().dump({"plan": plan.lists()}, lists)
    params = workspace.params_file.read_text()
    head = "# The chosen profile's"
    assert params.count(head) == 1
    workspace.params_file.write_text(params.replace(head, f"{_COMMENT}{lists.getvalue()}\n{head}"))
    text = (PROJECT / "dvc.yaml").read_text()
    for now, before in (("vars: [plan.yaml]\n", ""), ("that plan.yaml gives", "that the plan of params.yaml gives")):
        assert text.count(now) == 1
        text = text.replace(now, before)
    (workspace.root / "dvc.yaml").write_text(text)
    return workspace
