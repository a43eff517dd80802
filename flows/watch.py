"""The watch flow: has what the camera sees changed? It tells, it may start a retrain, and it promotes nothing."""

from __future__ import annotations

import sys

if __name__ != "flows.watch":
    # As in flows/retrain.py: a Prefect worker puts this folder and the workspace before all else.
    del sys.path[:2]
    import tocoad.rooms

    tocoad.rooms.enter()

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.context import TagsContext
from prefect.runtime import flow_run

from flows.notice import watch_notice
from flows.retrain import retrain
from tasks.interrupts import covered
from tasks.notify import told_when_finished
from tasks.promotion import open_registry
from tasks.watch import announce, look, watched_folders
from tocoad.errors import StageError, error_line
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.watch.watched import Watched


class WatchFailedError(StageError):
    """At least one category could not be looked at; the others were. `result` is the whole document."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result["error"])
        self.result = result


@flow(name="watch", flow_run_name="watch {dataset}")
def watch(
    dataset: str, images: str, categories: list[str] | None = None, workspace: str | None = None
) -> dict[str, Any]:
    """Compares the newest images of each category with those that its champion was calibrated on.

    Args:
        dataset: the data set whose champions are asked.
        images: a folder with a folder of images for each category; for one category that is named alone, its images.
        categories: these alone; None takes all that are registered.
        workspace: its folder; None takes the current one.

    Returns:
        The document of `tocoad watch --json`.

    Raises:
        SettingsError: there is no such data set, category or folder.
        WatchFailedError: some categories could not be looked at; the others were.
    """
    started = time.perf_counter()
    place = Workspace(Path(workspace or ".").resolve())
    with told_when_finished(place, "watch", dataset) as ending, TagsContext(current_tags=set()):
        settings = load_params(place).settings.watch
        registry = open_registry(place)
        folders = watched_folders(registry, dataset, categories, Path(images))
        announce(len(folders))
        found: dict[str, Watched] = {}
        for category, folder in folders.items():
            state = look(place, registry, category, folder, settings, return_state=True)
            result: Any = state.result(raise_on_failure=False)
            if not state.is_completed():
                result = Watched(outcome="failed", sentence=error_line(result), time=datetime.now(UTC))
            found[category.name] = result
        alarms = [name for name, one in found.items() if one.outcome == "alarm"]
        failed = [f"{name}: {one.sentence}" for name, one in found.items() if one.outcome == "failed"]
        document = {
            "dataset": dataset,
            "run": str(flow_run.get_id()),
            "seconds": round(time.perf_counter() - started, 1),
            "error": failed[0] if failed else None,
            "warnings": ending.warnings,
            "alarms": alarms,
            "retrain": None,
            "categories": {name: one.document() for name, one in found.items()},
        }
        ending.notice = partial(watch_notice, document)
    # An alarm is told before what it starts, which takes its time and tells of itself.
    if settings.retrain and alarms:
        document["retrain"] = _retrain(dataset, alarms, place)
    if failed:
        raise WatchFailedError(document)
    return document


def _retrain(dataset: str, categories: Sequence[str], workspace: Workspace) -> dict[str, Any]:
    """Of what raised an alarm: with the images that were added since, if any were. The gate judges it as any other."""
    try:
        result = retrain(dataset, list(categories), workspace=str(workspace.root))
    except Exception as error:
        if (interrupt := covered(error)) is not None:
            raise interrupt from None
        return {"run": None, "error": error_line(error)}
    return {"run": result["run"], "error": None}
