"""The flow `score`: a folder or a bucket of images through one detector, into one table.

list the images -> score them on Ray, those that an earlier run has not -> write the table.
"""

from __future__ import annotations

import sys

if __name__ != "flows.score":
    # As in `flows.retrain`: a worker's own folders stand behind our packages.
    del sys.path[:2]
    import tocoad.rooms

    tocoad.rooms.enter()

import time
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.context import TagsContext
from prefect.runtime import flow_run

from flows.notice import score_notice
from tasks.notify import told_when_finished
from tasks.score import announce, checked_ending, listed, model_at_hand, open_source, score_batch, write
from tocoad.files.versioned import refuse_versioned
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params


@flow(name="score", flow_run_name="score {source}")
def score(model: str, source: str, out: str, anew: bool = False, workspace: str | None = None) -> dict[str, Any]:
    """Scores every image of a source. What is scored stays so: the same call after a kill goes on from there.

    Args:
        model: a detector folder, or models:/NAME.CATEGORY@champion.
        source: a folder, or s3://BUCKET/PREFIX, whose endpoint and keys come from the environment or AWS's own files.
        out: the file of the results, .parquet or .csv; while it is made, `out`.parts lies beside it.
        anew: what an earlier call has scored does not count.
        workspace: its folder; None takes the current one.

    Returns:
        The document of `tocoad score --json`.

    Raises:
        SettingsError: there is no such model or source, or an earlier call was of other images or another detector.
        DataError: there is no image.
        PassingError: something was away for longer than it is waited for; what is scored is kept.
    """
    started = time.perf_counter()
    place = Workspace(Path(workspace or ".").resolve())
    with told_when_finished(place, "score", None, name=source) as ending, TagsContext(current_tags=set()):
        target, opened = checked_ending(Path(out)), open_source(source)
        refuse_versioned(target, place)
        announce(place)
        with model_at_hand(place, model) as known:
            ending.dataset, ending.category = known.card.dataset, known.card.category
            settings = load_params(place).settings
            with listed(target, opened, known, anew) as batch:
                pace = score_batch(place, batch, known, settings)
                told = write(target, batch, known)
                left_out = batch.begun.left_out.model_dump()
        document = {
            "model": model,
            "serves": [*(known.card.serves or (known.card.category,))],
            "threshold": known.card.image_threshold.model_dump(),
            "source": opened.place,
            "out": str(target),
            "run": str(flow_run.get_id()),
            "seconds": round(time.perf_counter() - started, 1),
            "images": told.images,
            "rejected": told.rejected,
            "errors": told.errors,
            "first_errors": [{"image_path": path, "error": error} for path, error in told.first_errors],
            "left_out": left_out,
            "scored_before": pace.found,
            "images_per_second": round(pace.rate, 2),
            "warnings": ending.warnings,
        }
        ending.notice = partial(score_notice, document, known.card.dataset, known.card.category)
    return document
