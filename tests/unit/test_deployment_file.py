"""The files of deployments and automations fit the flows that they name, and each other."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOWS = {
    "nightly": "flows/retrain.py:retrain",
    "weekly": "flows/reevaluate.py:reevaluate",
    "watch": "flows/watch.py:watch",
    "score": "flows/score.py:score",
    "approve": "flows/approve.py:approve",
}


def load(name: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(ROOT / "infra" / "prefect" / name)


@pytest.fixture(scope="module")
def deployments() -> dict[str, Any]:
    return {deployment["name"]: deployment for deployment in load("prefect.yaml")["deployments"]}


def test_every_deployment_is_of_a_flow_that_takes_its_parameters(deployments: dict[str, Any]) -> None:
    assert {name: deployment["entrypoint"] for name, deployment in deployments.items()} == FLOWS
    for deployment in deployments.values():
        file, _, name = deployment["entrypoint"].partition(":")
        flow = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)
        # What a retrain asks has its own.
        parameters = deployment.get("parameters", {"dataset": "sample", "category": "gear"})
        assert "sample" in next(iter(flow.validate_parameters(parameters).values()))


def test_a_run_is_called_dead_after_three_heartbeats(deployments: dict[str, Any]) -> None:
    from prefect.events.schemas.automations import AutomationCore

    (automation,) = (AutomationCore.model_validate(one) for one in load("automations.yaml")["automations"])
    beats = {name: one["work_pool"]["job_variables"]["env"] for name, one in deployments.items()}
    assert {int(env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) for env in beats.values()} == {30}
    assert automation.trigger.within.total_seconds() == 3 * 30
    assert [action.type for action in automation.actions] == ["change-flow-run-state"]
