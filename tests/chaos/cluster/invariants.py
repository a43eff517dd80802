"""What must hold on a cluster after a round, besides what holds for one machine. Faults found, in words."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tests.chaos import invariants
from tests.chaos.cluster.jobs import workers
from tests.chaos.cluster.outputs import champions, outputs, stale
from tests.chaos.cluster.site import NODE_CACHE, Reference, Site
from tests.chaos.workshop import UNTOUCHED, Outcome
from tests.helpers.processes import marked
from tests.helpers.ray_cluster import Node

# So long after the end something may still be there.
GRACE_SECONDS = 60.0
_CLUSTER = """
import json, sys, ray
from ray.util import placement_group_table
ray.init(address=sys.argv[1], log_to_driver=False)
there, free = ray.cluster_resources(), ray.available_resources()
held = [name for name in there if name in ("CPU", "GPU") and free.get(name, 0) < there[name]]
print(json.dumps(held + [g["placement_group_id"] for g in placement_group_table().values() if g["state"] != "REMOVED"]))
"""


def of_disturbed(outcome: Outcome, killed: bool) -> Iterator[str]:
    """`killed`: the fault was the command's own end."""
    if outcome.code not in ({-9} if killed else {0, 1}):
        yield f"exit code {outcome.code}"
    if outcome.code in (0, 1) and outcome.document is None:
        yield f"exit code {outcome.code} without the JSON document"
    if "Traceback" in outcome.stderr:
        yield "a traceback"
    # Of all the same is said where the flow could do nothing at all, as without MLflow at its start.
    errors = {entry["error"] for entry in outcome.categories.values()}
    refused = len(errors) == 1 and None not in errors
    for name, entry in outcome.categories.items():
        if entry["error"] and "\n" in entry["error"].strip():
            yield f"{name}: its error is more than a line"
        if name == UNTOUCHED and entry["status"] != "up-to-date" and not refused:
            yield f"{name}, of which nothing had changed: {entry['status']}"


def of_end(site: Site, last: Outcome, reference: Reference) -> Iterator[str]:
    """`last` is the command that ended well, disturbed or started again."""
    yield from (fault.replace("the next run", "the end") for fault in invariants.of_next(last, reference.weights))
    if set(last.categories) != set(site.workshop.categories):
        yield f"categories: {sorted(last.categories)}"
    made = outputs(site.root)
    if different := sorted(
        path for path in {*made, *reference.outputs} if made.get(path) != reference.outputs.get(path)
    ):
        yield f"other outputs in dvc.lock than a plain local run's: {', '.join(different)}"
    if (now := champions(site.workshop)) != reference.champions:
        yield f"champions {now}, of a plain local run {reference.champions}"
    yield from invariants.of_decisions(site.workshop)
    if changed := stale(site.root):
        yield f"dvc status: {changed}"


def of_runs(site: Site, embedded: bool) -> Iterator[str]:
    """Closed everywhere."""
    database = site.prefect_database(embedded)
    if database.is_file():
        yield from invariants.of_open_runs(site.root / ".services" / "mlflow.db", database)


def of_trained_twice(site: Site, embedded: bool, since: float) -> Iterator[str]:
    """By Prefect's tasks: a stage that was completed is not run again."""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since - 1))
    query = "select name, count(*) from task_run where name like '%@%' and state_type = 'COMPLETED' and created > ?"
    with closing(sqlite3.connect(site.prefect_database(embedded))) as database:
        for name, count in database.execute(f"{query} group by name having count(*) > 1", (began,)):
            yield f"{name}: completed {count} times"


def of_what_is_left(site: Site, marks: list[str], declared_dead: bool) -> Iterator[str]:
    """A minute later: of processes, locks, places on the cluster, checkpoints and folders nothing is. `declared_dead`:
    a process may have saved its training when another had done it; that stays in the store until `tocoad gc`.
    """
    looks: dict[str, Callable[[], object]] = {
        "processes": lambda: sorted({process.name() for process in marked(*marks)}),
        "jobs on nodes": lambda: [f"{node.name}: {len(found)}" for node in site.nodes if (found := workers(node))],
        "private folders": lambda: [str(folder) for node in site.nodes for folder in _private(node)],
        "temporary folders": lambda: sorted(entry.name for entry in site.scratch.iterdir()),
        "leases": lambda: [file.name for file in (site.root / ".services" / "leases").glob("[0-9]*")],
        "checkpoints in the store": lambda: [file.name for file in site.store.folder.glob("**/notes/checkpoints/*")],
        "half-written folders": lambda: [str(folder) for folder in (site.root / "work").glob("**/.*incoming-*")],
    }
    if declared_dead:
        del looks["checkpoints in the store"]
    deadline = time.monotonic() + GRACE_SECONDS
    while left := {what: found for what, look in looks.items() if (found := look())}:
        if time.monotonic() > deadline:
            yield from (f"{what} left: {found}" for what, found in left.items())
            break
        time.sleep(1)
    if held := _held(site):
        yield f"places on the cluster are still held: {held}"


def _private(node: Node) -> Iterator[Path]:
    """A node that is down keeps them until its next job."""
    if not node.named("raylet/raylet"):
        return iter(())
    jobs = node.home / NODE_CACHE / "jobs"
    return jobs.glob("job-*") if jobs.is_dir() else iter(())


def _held(site: Site) -> list[str]:
    cluster = site.cluster
    ask = [*site.head.through, sys.executable, "-c", _CLUSTER, cluster.address]
    done = subprocess.run(ask, env={**_environment(), **cluster.env}, capture_output=True, text=True, timeout=120)
    try:
        held: list[str] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return [f"the cluster does not say: {done.stderr.strip()[-200:]}"]
    return held


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
