"""The stages of a retrain on a real Prefect server: what a person sees of each job, and what the jobs cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# Jobs of 40 categories on a runner that has room for all; each takes half a second.
RETRAIN = """
import json, sys, threading, time
from concurrent.futures import Future
from pathlib import Path
from services.addresses import configure
from tocoad.files.workspace import Category, Workspace

workspace = Workspace(Path(sys.argv[1]))
configure(workspace)

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from tasks.session import Workshop
from tasks.stages import Ran, run_stages
from tasks.version import Stale
from tocoad.errors import PassingError, StageError
from tocoad.settings.sections import FlowSettings, Settings
from tocoad.stages.graph import distinct, jobs_of
from tocoad.stages.stage import StageRecord

categories = [Category("set", f"c{number:02}") for number in range(40)]
jobs = distinct(job for category in categories for job in jobs_of(category, "tocoad"))
tried = []

class Roomy:
    def submit(self, job, settings, on_progress, sources, urgency):
        future, name = Future(), job.dvc_name
        tried.append(name)
        if name == "stage1@set/c00":
            future.set_exception(StageError("no image is left"))
        elif name == "manifest@set/c01" and tried.count(name) == 1:
            future.set_exception(PassingError("the worker's process was lost"))
        else:
            threads.add(sum(thread.name != "sleeper" for thread in threading.enumerate()))
            later = threading.Timer(0.5, future.set_result, (StageRecord(),))
            later.name = "sleeper"
            later.start()
        return future

settings = Settings(flow=FlowSettings(retries=1, retry_delay_seconds=0))
shop = Workshop(workspace, settings, registry=None, record=None, runner=Roomy(), checker=None)
names = {job.dvc_name for job in jobs}
stale = Stale({}, names, dict.fromkeys(names, ""), force=True)
ran, threads = Ran(), set()

@flow
def retrain():
    run_stages(shop, jobs, stale, ran)
    return flow_run.get_id()

started = time.monotonic()
run = retrain()
seconds = time.monotonic() - started
from prefect.client.schemas import filters
seen = {}
with get_client(sync_client=True) as client:
    mine = filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=[run]))
    for _ in range(120):
        page = lambda at: client.read_task_runs(flow_run_filter=mine, limit=200, offset=at)
        seen = {one.name: [one.state_name, one.run_count] for one in (*page(0), *page(200))}
        if len(seen) == len(ran.done) + len(ran.failed) and all(state != "Running" for state, _ in seen.values()):
            break
        time.sleep(0.5)
print(json.dumps({"seen": seen, "threads": max(threads), "jobs": sorted(names), "seconds": seconds}))
"""


def test_a_person_sees_each_job_that_ran_by_its_name_and_no_job_costs_a_thread(
    prefect_server: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "PREFECT_API_URL": prefect_server}
    command = [sys.executable, "-c", RETRAIN, str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    left_out = {f"{stage}@set/c00" for stage in ("stage2", "fit_tocoad", "evaluate_tocoad")}
    assert set(told["seen"]) == set(told["jobs"]) - left_out
    assert told["seen"].pop("stage1@set/c00") == ["Failed", 1]
    assert told["seen"].pop("manifest@set/c01") == ["Completed", 2]
    assert {tuple(state) for state in told["seen"].values()} == {("Completed", 1)}
    # Prefect's own, the loop's, and those few in which files are looked at: 40 jobs and more run at a time.
    assert told["threads"] < 30
