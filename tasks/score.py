"""A batch of images through one detector: listed, scored on Ray, and written as a table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from services.addresses import configure
from services.closing import claim_flow_run
from services.fleet import LINE_SECONDS
from services.mlflow.models import detector_folder
from services.ray.runner import RayStages
from services.scoring.batch import Batch, batch
from services.scoring.model import Model, model_in
from services.scoring.pace import Pace
from services.scoring.running import Scorer
from services.scoring.source import Source, open_source
from services.scoring.table import Told, checked_ending, write_table
from services.shared_store import shared_store
from services.watching import Planned, tell, telling
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import Settings
from tocoad.stages.stage import Progress

__all__ = ["Model", "announce", "checked_ending", "listed", "model_at_hand", "open_source", "score_batch", "write"]


def announce(workspace: Workspace) -> None:
    """Marks the flow run as this process's own, and tells who watches of the three jobs."""
    claim_flow_run(configure(workspace))
    tell(Planned(3))


@contextmanager
def model_at_hand(workspace: Workspace, name: str) -> Iterator[Model]:
    """For the block; a damaged one is told before Ray starts.

    Raises:
        SettingsError, StageError: there is none, or it is damaged.
        AwayError: the registry does not answer.
    """
    with detector_folder(name, workspace) as folder:
        yield model_in(folder, name)


@contextmanager
def listed(out: Path, source: Source, model: Model, anew: bool) -> Iterator[Batch]:
    """As `services.scoring.batch.batch`."""
    with ExitStack() as stack:
        with telling(f"list@{source.place}") as progress:
            made = batch(out, source, model.name, model.digest, anew, lambda count: progress(Progress(count, count)))
            opened = stack.enter_context(made)
        yield opened


@task(name="score", cache_policy=NO_CACHE)
def score_batch(workspace: Workspace, batch: Batch, model: Model, settings: Settings) -> Pace:
    """On Ray, those whose rows are not known yet; a line in the run's log now and then."""
    pace, logger = Pace(batch.begun.images, batch.found), get_run_logger()
    if batch.found:
        logger.info("goes on: %s", pace.line())
    with telling(f"score@{batch.source.place}") as progress, _in_lines(pace):

        def scored(images: int) -> None:
            pace.done += images
            progress(Progress(pace.done, pace.images, {"a second": pace.rate}))

        if pace.done < pace.images:
            with RayStages(workspace, settings.ray, store=shared_store(workspace, settings.ray)) as runner:
                Scorer(runner, batch, model.folder, settings, scored).run()
    return pace


@task(name="write", cache_policy=NO_CACHE)
def write(out: Path, batch: Batch, model: Model) -> Told:
    """The table in place of `out`; then the batch is over."""
    with telling(f"write@{out.name}"):
        threshold = model.card.image_threshold.model_dump()
        about = {"model": batch.begun.model, "package_sha256": model.digest, "threshold": threshold}
        told = write_table(out, batch.table(), about)
        batch.remove()
    return told


@contextmanager
def _in_lines(pace: Pace) -> Iterator[None]:
    """A line in the run's log every so often."""
    logger, over = get_run_logger(), threading.Event()

    def say() -> None:
        while not over.wait(LINE_SECONDS):
            logger.info("%s", pace.line())

    # Prefect's address is in the context: a run's log that is written without it starts a second server.
    thread = threading.Thread(target=copy_context().run, args=(say,), name="pace", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
