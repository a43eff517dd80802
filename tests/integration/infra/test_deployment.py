"""The nightly deployment as it is written: deployed to a real server, triggered once, run by a real worker."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]

# The retrain flow's signature; it leaves word of what it was called with, and where.
STAND_IN = """
from __future__ import annotations
import json, pathlib
from typing import Any
from prefect import flow

@flow(name="retrain")
def retrain(
    dataset: str, categories: list[str] | None = None, force: bool = False, workspace: str | None = None
) -> dict[str, Any]:
    pathlib.Path("called.json").write_text(json.dumps([dataset, categories, force, workspace]))
    return {}
"""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "a workspace"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "retrain.py").write_text(STAND_IN)
    (folder / "infra" / "prefect").mkdir(parents=True)
    shutil.copy(ROOT / "infra" / "prefect" / "prefect.yaml", folder / "infra" / "prefect")
    return folder


def test_the_nightly_deployment_runs_in_its_workspace(
    prefect_server: str, prefect_environment: dict[str, str], workspace: Path
) -> None:
    environment = {**prefect_environment, "PREFECT_API_URL": prefect_server, "PWD": str(workspace)}

    def prefect(*command: str) -> None:
        arguments = [sys.executable, "-m", "prefect", "--no-prompt", *command]
        done = subprocess.run(arguments, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    with httpx.Client(base_url=prefect_server, timeout=60, trust_env=False) as api:

        def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
            return api.request(method, f"/{path}", json=body).raise_for_status().json()

        call("POST", "work_pools/", {"name": "tocoad", "type": "process"})
        prefect("deploy", "--prefect-file", "infra/prefect/prefect.yaml", "--all")
        deployment = call("GET", "deployments/name/retrain/nightly")
        assert [entry["schedule"]["cron"] for entry in deployment["schedules"] if entry["active"]] == ["0 2 * * *"]

        run = call("POST", f"deployments/{deployment['id']}/create_flow_run", {"parameters": {"categories": ["gear"]}})
        prefect("worker", "start", "--pool", "tocoad", "--type", "process", "--run-once")
        assert call("GET", f"flow_runs/{run['id']}")["state"]["type"] == "COMPLETED"
    assert json.loads((workspace / "called.json").read_text()) == ["sample", ["gear"], False, None]


def test_the_deployment_fits_the_retrain_flow() -> None:
    from ruamel.yaml import YAML

    from flows.retrain import retrain

    (nightly,) = YAML(typ="safe").load(ROOT / "infra" / "prefect" / "prefect.yaml")["deployments"]
    assert nightly["entrypoint"] == "flows/retrain.py:retrain"
    assert retrain.validate_parameters(nightly["parameters"])["dataset"] == "sample"
