"""What must hold after a round, whatever happened in it. Each check gives the faults it found, in words."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from tests.chaos.plan import Kind
from tests.chaos.workshop import CATEGORIES, DATASET, Outcome, Workshop
from tests.helpers.processes import marked

# What a retrain may answer where its process was left to end, and where a signal was sent. 0: it was over before.
DISTURBED_CODES: Mapping[Kind, frozenset[int]] = {
    "kill the driver": frozenset({0, -9}),
    "kill everything": frozenset({0, -9}),
    "damage a file": frozenset({0, -9}),
    "SIGTERM": frozenset({0, 143}),
    "SIGINT": frozenset({0, 130}),
    "kill a worker": frozenset({0, 1}),
    "kill the raylet": frozenset({0, 1}),
    "kill Prefect's server": frozenset({0, 1}),
    "full disk": frozenset({0, 1}),
    "MLflow away": frozenset({0, 1}),
    "a second run at once": frozenset({0}),
}
OPEN_STATES = ("PENDING", "RUNNING", "CANCELLING")
# After kill -9 of its driver a local Ray's agents live on for about a minute.
GRACE_SECONDS = 90
REPRO_ENDS = ("was done by another run while this one waited", "Unable to acquire lock")


def of_disturbed(kind: Kind, outcome: Outcome) -> Iterator[str]:
    if outcome.code not in DISTURBED_CODES[kind]:
        yield f"exit code {outcome.code}"
    before_the_flow = "the embedded Prefect server did not start" in outcome.stderr
    if outcome.code in (0, 1) and outcome.document is None and not before_the_flow:
        yield f"exit code {outcome.code} without the JSON document"
    if "Traceback" in outcome.stderr:
        yield "a traceback"
    if kind == "MLflow away":
        for name, entry in outcome.categories.items():
            # A version that can't be registered waits for the next run; figures that can't be sent stop no stage.
            if entry["error"] and not entry["error"].startswith("register"):
                yield f"{name} failed: {entry['error'][:200]}"


def of_beside(first: Outcome, second: Outcome) -> Iterator[str]:
    """Of a run that was started beside the first on the same outputs: it waits, and repeats nothing."""
    if "Traceback" in second.stderr:
        yield "the run beside: a traceback"
    if second.document is None:
        # `dvc repro`: it has planned by then, and asks for DVC's own lock for a few seconds only.
        if second.code != 0 and not any(words in second.stderr for words in REPRO_ENDS):
            yield f"the run beside: exit code {second.code}: {(second.stdout + second.stderr).strip()[-300:]}"
        return
    if second.code != 0:
        yield f"the run beside: exit code {second.code}: {second.document['error']}"
    for name in CATEGORIES:
        entries = [outcome.categories[name] for outcome in (first, second) if name in outcome.categories]
        if sum(entry["status"] == "trained" for entry in entries) > 1:
            yield f"{name}: trained by both runs"


def of_next(outcome: Outcome, weights: Mapping[str, str]) -> Iterator[str]:
    if outcome.code != 0:
        yield f"the next run: exit code {outcome.code}: {outcome.stderr.strip()[-300:]}"
    if "Traceback" in outcome.stderr:
        yield "the next run: a traceback"
    if outcome.document is None:
        yield "the next run: no JSON document"
        return
    for name, entry in outcome.categories.items():
        if entry["error"]:
            yield f"the next run: {name}: {entry['error']}"
        elif entry["weights_sha256"] != weights[name]:
            yield f"{name}: other weights than an undisturbed run's"


def of_workspace(workshop: Workshop) -> Iterator[str]:
    """After the next run: clean, with one champion a category, and nothing that says it still runs."""
    status = workshop.start("tocoad", "status", DATASET, "--json").wait()
    if status.document is None:
        yield f"tocoad status: {status.stderr.strip()[-300:]}"
    else:
        for name, entry in status.document["categories"].items():
            if entry["stale"]:
                yield f"{name}: stale after the next run: {', '.join(entry['stale'])}"
            if entry["champion"] is None:
                yield f"{name}: no champion"
    dvc = workshop.start("dvc", "status", "--json").wait()
    if dvc.code != 0 or dvc.document != {}:
        yield f"dvc status: {(dvc.stdout + dvc.stderr).strip()[:300]}"
    yield from of_champions(workshop)
    yield from of_decisions(workshop)
    services = workshop.root / ".services"
    yield from of_open_runs(services / "mlflow.db", services / "prefect" / "prefect.db")


def of_decisions(workshop: Workshop) -> Iterator[str]:
    """By the registry's own tables: the champion is the one that the log of decisions makes it, and no package is
    registered twice.
    """
    with closing(sqlite3.connect(workshop.root / ".services" / "mlflow.db")) as database:
        for name in workshop.categories:
            model = f"{DATASET}.{name}"
            where = "from registered_model_aliases where name = ? and alias = 'champion'"
            alias = database.execute(f"select version {where}", (model,)).fetchone()
            where = "from model_version_tags where name = ? and key = 'entry' order by version"
            entries = database.execute(f"select version, value {where}", (f"{model}.decisions",)).fetchall()
            champion = champion_by(entries)
            if not entries or alias is None or int(alias[0]) != champion:
                yield f"{name}: the champion is {alias}, and by {len(entries)} decisions {champion}"
            where = "from model_version_tags where name = ? and key = 'package_sha256' group by value"
            counts = database.execute(f"select count(*) {where}", (model,)).fetchall()
            if not counts or max(count for (count,) in counts) > 1:
                yield f"{name}: versions by package {counts}"


def champion_by(entries: Iterable[tuple[int, str]]) -> int | None:
    """Of the log's numbered entries: one counts if it was made in the knowledge of the reign before it."""
    reign, champion, seen = 0, None, set()
    for number, text in entries:
        entry = json.loads(text)
        if entry["id"] in seen or (entry["after"], entry["from"]) != (reign, champion):
            continue
        seen.add(entry["id"])
        if entry["action"] in ("adopt", "promote", "rollback") or entry["to"] != entry["from"]:
            reign, champion = number, entry["to"]
    return champion


def of_champions(workshop: Workshop) -> Iterator[str]:
    """The champion's package, fetched from the registry, is the one that its tags tell of and can be loaded."""
    for name in workshop.categories:
        images = workshop.root / "data" / DATASET / name / "test" / "good"
        image = sorted(images.iterdir())[0].relative_to(workshop.root)
        done = workshop.start("tocoad", "predict", f"models:/{DATASET}.{name}@champion", str(image), "--json").wait()
        if done.code != 0:
            yield f"{name}: the champion does not predict: {done.stderr.strip()[-300:]}"


def of_open_runs(mlflow: Path, prefect: Path) -> Iterator[str]:
    with closing(sqlite3.connect(mlflow)) as database:
        (count,) = database.execute("select count(*) from runs where status = 'RUNNING'").fetchone()
        if count:
            yield f"{count} runs of MLflow still RUNNING"
    with closing(sqlite3.connect(prefect)) as database:
        for table in ("flow_run", "task_run"):
            states = OPEN_STATES if table == "flow_run" else ("RUNNING",)
            marks = ", ".join("?" * len(states))
            query = f"select count(*) from {table} where state_type in ({marks})"
            (count,) = database.execute(query, states).fetchone()
            if count:
                yield f"{count} of Prefect's {table} still open"


def of_ledger(root: Path, damaged: int) -> Iterator[str]:
    """`damaged`: as many lines may be unreadable, and no more."""
    if (bad := bad_ledger_lines(root)) > damaged:
        yield f"{bad - damaged} more lines of the ledger can't be read"


def bad_ledger_lines(root: Path) -> int:
    bad = 0
    for line in (root / "work" / DATASET / "ledger.jsonl").read_bytes().splitlines():
        try:
            json.loads(line)
        except ValueError:
            bad += 1
    return bad


def of_processes(marks: list[str]) -> Iterator[str]:
    deadline = time.monotonic() + GRACE_SECONDS
    while left := marked(*marks):
        if time.monotonic() > deadline:
            yield f"left behind: {', '.join(sorted({process.name() for process in left}))}"
            return
        time.sleep(1)


def finished_stages(root: Path, since: float) -> dict[str, int]:
    """When each stage that ended since then was over: it writes its record last."""
    folder = root / "work" / DATASET
    times = {file: file.stat().st_mtime_ns for file in folder.glob("**/record.json")}
    return {str(file.parent.relative_to(folder)): at for file, at in times.items() if at > since * 1e9}


def of_finished(root: Path, before: Mapping[str, int]) -> Iterator[str]:
    """What was finished when the disturbed run ended was not run again."""
    now = finished_stages(root, 0)
    again = sorted(stage for stage, at in before.items() if now.get(stage) != at)
    if again:
        yield f"run again though finished: {', '.join(again)}"
