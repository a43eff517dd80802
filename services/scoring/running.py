"""The shards of a batch on Ray: a window of them is handed over, so that none waits and no list grows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

from services.ray.runner import RayStages
from services.ray.tries import Tries
from services.scoring.batch import Batch
from services.scoring.journal import journal
from services.scoring.order import ShardOrder
from services.scoring.source import FolderSource
from tocoad.settings.sections import Settings

WINDOW = 256
"""More than the places of all but the largest clusters: what waits in it are names."""
_FUNCTION = "services.scoring.shard:score_shard"


class Scorer:
    """Hands out the shards of a batch; `package` is the detector's folder. `scored` hears of so many images more."""

    def __init__(
        self, runner: RayStages, batch: Batch, package: Path, settings: Settings, scored: Callable[[int], object]
    ) -> None:
        self._runner, self._batch, self._package = runner, batch, package
        self._settings, self._scored = settings, scored
        self._running: dict[Future[str], tuple[int, int, Tries]] = {}

    def run(self) -> None:
        """Until every image has its row. What is known when it is ended is kept.

        Raises:
            PassingError: what should have passed has not, for a shard that was tried again.
            StageError, StoreError: as `score_shard`.
        """
        to_do = ((shard, size - known) for shard, size, known in self._batch.known() if known < size)
        try:
            while True:
                while len(self._running) < WINDOW and (found := next(to_do, None)) is not None:
                    self._start(*found, Tries(self._settings.flow, self._settings.ray))
                if not self._running:
                    return
                done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                for answer in done:
                    self._end(answer)
        finally:
            for answer in self._running:
                answer.cancel()

    def _start(self, shard: int, images: int, tries: Tries) -> None:
        batch, ray = self._batch, self._settings.ray
        threads = max(1, int(ray.of_stage("evaluate").num_cpus or 0))
        # Nodes of a cluster may share no disk with this process: there the rows come home with the answer.
        order = order_of(batch, shard, threads, shared=not ray.address)
        folders, parts = {"package": self._package}, {}
        if isinstance(batch.source, FolderSource):
            folders["images"] = batch.source.folder.resolve()
            parts["images"] = [*order.names.values()]
        answer = self._runner.start(
            f"shard {shard} of {batch.source.place}", _FUNCTION, folders, order.text(),
            compute=self._settings.compute, parts=parts, of_many=True,
        )  # fmt: skip
        self._running[answer] = shard, images, tries

    def _end(self, answer: Future[str]) -> None:
        shard, images, tries = self._running.pop(answer)
        if (error := answer.exception()) is not None:
            if not tries.again(error):
                raise error
            self._start(shard, images, tries)
            return
        if lines := answer.result():
            with journal(self._batch.journal(shard)) as kept:
                kept.add(lines)
        self._scored(images)


def order_of(batch: Batch, shard: int, threads: int, shared: bool) -> ShardOrder:
    """Of what is not known of the shard; `shared` says whether the worker reaches the batch's folder."""
    known = batch.rows(shard)
    return ShardOrder(
        place=batch.source.place,
        names={place: name for place, name in enumerate(batch.listing.names(shard)) if place not in known},
        package=batch.begun.package,
        threads=threads,
        journal=str(batch.journal(shard).resolve()) if shared else None,
    )
