"""The nightly deployment, as it is written: deployed to a real server, triggered once, run by a real worker.

It follows `test_retrain.py`, which leaves `plate` trained with another seed than the settings have: it is stale.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PROJECT = Path(__file__).parents[2]


def test_the_nightly_run_retrains_what_is_stale(
    shop: Any, prefect_server: str, prefect_environment: dict[str, str]
) -> None:
    for name in ("flows", "infra/prefect"):
        shutil.copytree(PROJECT / name, shop.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    env = {
        "PREFECT_HOME": prefect_environment["PREFECT_HOME"],
        "PREFECT_API_URL": prefect_server,
        "DO_NOT_TRACK": "1",
        "PWD": str(shop.root),
    }

    def prefect(*command: str) -> None:
        done = shop.run("prefect", "--no-prompt", *command, env=env)
        assert done.returncode == 0, done.stdout + done.stderr

    with httpx.Client(base_url=prefect_server, timeout=60, trust_env=False) as api:

        def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
            # 503 is the server's word for a database that is busy; Prefect's own client waits and asks again, too.
            for _ in range(60):
                answer = api.request(method, f"/{path}", json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                time.sleep(0.5)
            return answer.raise_for_status().json()

        call("POST", "work_pools/", {"name": "tocoad", "type": "process"})
        prefect("deploy", "--prefect-file", "infra/prefect/prefect.yaml", "--all")
        deployment = call("GET", "deployments/name/retrain/nightly")
        assert [entry["schedule"]["cron"] for entry in deployment["schedules"] if entry["active"]] == ["0 2 * * *"]

        parameters = {"dataset": "tiny", "categories": ["plate"]}
        run = call("POST", f"deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})
        prefect("worker", "start", "--pool", "tocoad", "--type", "process", "--run-once")
        assert call("GET", f"flow_runs/{run['id']}")["state"]["type"] == "COMPLETED"
        tasks = call("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
        (table,) = call("POST", "artifacts/filter", {"artifacts": {"key": {"any_": ["retrain-tiny"]}}})
    assert {task["state"]["type"] for task in tasks} == {"COMPLETED"}
    # "version tiny", "stage1@tiny/plate", "record-1a2"
    names = {re.split("[-@ ]", task["name"])[0] for task in tasks}
    chain = {"version", "synthesize", "stage1", "stage2", "evaluate_tocoad", "record", "register", "publish"}
    assert chain <= names
    (row,) = json.loads(table["data"])
    assert (row["category"], row["status"]) == ("plate", "trained")
    status = json.loads(shop.run("tocoad", "status", "tiny", "--json").stdout)["categories"]
    assert status["plate"]["stale"] == []
    # The seed alone has changed: the same images give another detector, and so another version.
    entry = json.loads((shop.root / "work/tiny/ledger.jsonl").read_text().splitlines()[-1])
    assert (entry["model"], entry["version"]) == ("tiny.plate", 3)
