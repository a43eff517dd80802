"""The flow `reevaluate`: the champions of a data set judged on its present test images; nothing is trained.

list the images, where they changed -> check each champion's package -> score and judge it, where that was not done yet.
"""

from __future__ import annotations

import sys

if __name__ != "flows.reevaluate":
    # As in `flows.retrain`: a worker's own folders stand behind our packages.
    del sys.path[:2]
    import tocoad.rooms

    tocoad.rooms.enter()

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from prefect import flow
from prefect.context import TagsContext
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.notice import reevaluation_notice
from flows.stages import run_and_record
from tasks.notify import told_when_finished
from tasks.publish import publish
from tasks.reevaluate import Reevaluation, judge_again
from tasks.session import Session, Workshop
from tasks.version import Stale, version
from tocoad.errors import StageError, error_line
from tocoad.files.lease import FOREVER, lease_of
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params
from tocoad.settings.planning import select_categories
from tocoad.stages.shared import MANIFEST
from tocoad.text.redaction import redacted

_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=8))
# What a page of Prefect takes.
_ROWS_MAX = 100


class NotReevaluatedError(StageError):
    """Of at least one category; the others are complete. `result` is the whole document."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result["error"])
        self.result = result


@dataclass
class _Found:
    """By category; what is in none of them has no champion."""

    words: dict[Category, Reevaluation] = field(default_factory=dict)
    errors: dict[Category, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@flow(name="reevaluate", flow_run_name="reevaluate {dataset}", task_runner=_RUNNER)
def reevaluate(dataset: str, categories: list[str] | None = None, workspace: str | None = None) -> dict[str, Any]:
    """Judges the champions of a data set on its present test images, by the present rules. Nothing is trained.

    Args:
        dataset: a data set of the workspace.
        categories: these alone; None takes all.
        workspace: its folder; None takes the current one.

    Returns:
        A document: of each category the champion and the gate's word on it; null where there is no champion.

    Raises:
        NotReevaluatedError: a champion's package is broken, or it could not be judged; the others are complete.
    """
    started = time.perf_counter()
    place = Workspace(Path(workspace or ".").resolve())
    session = Session(place)

    def planned() -> list[Category]:
        plan = load_params(place).plan
        return [chosen for chosen in select_categories(place, dataset, categories) if str(chosen) in plan.categories]

    with told_when_finished(place, "reevaluate", dataset) as ending:
        found = _Found()
        with (
            lease_of(place, planned, f"the flow reevaluate {dataset}"),
            session.turn(dataset, FOREVER),
            TagsContext(current_tags=set()),
        ):
            chosen = planned()
            _reevaluate(session, place, dataset, chosen, found)
        result = {
            "dataset": dataset,
            "run": str(flow_run.get_id()),
            "seconds": round(time.perf_counter() - started, 1),
            "error": next((f"{category.name}: {error}" for category, error in found.errors.items()), None),
            "warnings": found.warnings,
            "categories": {category.name: _entry(found, category) for category in chosen},
        }
        _publish(result, found.warnings)
        ending.notice, ending.warnings = partial(reevaluation_notice, result), found.warnings
    if result["error"] is not None:
        raise NotReevaluatedError(result)
    return result


def _reevaluate(
    session: Session, place: Workspace, dataset: str, categories: Sequence[Category], found: _Found
) -> None:
    params = load_params(place)
    stale = version(place, dataset, categories, params, force=False, only=MANIFEST.name)
    with session.connect().at_work(dataset, params.settings, found.errors, found.warnings, "reevaluate") as shop:
        _list_images(shop, stale, categories, found)
        futures = {
            category: judge_again.submit(shop, category) for category in categories if category not in found.errors
        }
        wait(list(futures.values()))
        for category, future in futures.items():
            word = future.result(raise_on_failure=False)
            if isinstance(word, Reevaluation):
                found.words[category] = word
            elif word is not None:
                found.errors[category] = redacted(error_line(word))


def _list_images(shop: Workshop, stale: Stale, categories: Sequence[Category], found: _Found) -> None:
    if not (jobs := stale.jobs(categories)):
        return
    ran, changed = run_and_record(shop, jobs, stale)
    for category in categories:
        for job in stale.work[category]:
            if job.dvc_name in changed:
                found.errors[category] = f"its images changed while {job.dvc_name} ran: run again"
            elif error := ran.failed.get(job.dvc_name):
                found.errors[category] = f"{job.stage.name}: {redacted(error_line(error))}"


def _entry(found: _Found, category: Category) -> dict[str, Any] | None:
    if (error := found.errors.get(category)) is not None:
        return {"status": "failed", "error": error, "metrics": {}, "decision": None, "model": None, "moved": []}
    if (word := found.words.get(category)) is None:
        return None
    return {
        "status": "judged" if word.anew else "up-to-date",
        "error": None,
        "metrics": word.metrics,
        "decision": {"verdict": word.verdict, "reasons": list(word.reasons), "anew": word.anew},
        "model": {"name": word.name, "version": word.version, "aliases": list(word.aliases)},
        "moved": list(word.moved),
    }


def _publish(result: Mapping[str, Any], warnings: list[str]) -> None:
    """On the run's page in Prefect; the result stands without that."""
    rows = [
        {
            "category": name,
            "status": entry["status"],
            "verdict": (entry["decision"] or {}).get("verdict", ""),
            "version": (entry["model"] or {}).get("version", ""),
            "why": entry["error"] or entry["decision"]["reasons"][0],
        }
        for name, entry in result["categories"].items()
        if entry is not None
    ]
    try:
        told = f"champions of {result['dataset']} on their present test images, {result['seconds']} s"
        publish(result["dataset"], rows[:_ROWS_MAX], told, None, flow="reevaluate")
    except Exception as error:
        warnings.append(f"Prefect does not have the table of the result ({error_line(error)})")
