"""The files that a hosting service reads. Their own schemas hold them too: `make check-infra`."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ruamel.yaml import YAML

from cli.main import parser
from tests.helpers.project import PROJECT

GITHUB = PROJECT / ".github"
FORMS = sorted(file for file in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if file.name != "config.yml")


def read(file: Any) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(file)
    return document


def test_the_workflow_runs_what_decides_whether_a_change_lands() -> None:
    steps = read(GITHUB / "workflows/ci.yml")["jobs"]["run"]["steps"]
    assert [step["run"] for step in steps if "run" in step][-1] == ".ci/run"
    assert os.access(PROJECT / ".ci/run", os.X_OK)


@pytest.mark.parametrize("form", FORMS, ids=lambda file: file.stem)
def test_a_form_has_what_the_service_wants_of_it(form: Any) -> None:
    document = read(form)
    assert {"name", "description", "body"} <= document.keys()
    ids = [field["id"] for field in document["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["type"] == "textarea" and field["attributes"]["label"] for field in document["body"])
    assert any(field["validations"]["required"] for field in document["body"])


def test_who_reports_a_defect_is_asked_what_the_doctor_says() -> None:
    fields = {field["id"]: field for field in read(GITHUB / "ISSUE_TEMPLATE/defect.yml")["body"]}
    assert "`tocoad doctor --json`" in fields["doctor"]["attributes"]["label"]
    assert fields["doctor"]["validations"]["required"]
    assert parser().parse_args(["doctor", "--json"]).json
