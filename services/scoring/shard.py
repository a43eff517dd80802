"""A shard of a batch in a worker: images are fetched ahead, and scored as `tocoad predict` scores them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path

from services.scoring.journal import Row, journal, line_of
from services.scoring.order import ShardOrder
from services.scoring.source import Source, open_source
from tocoad.data.images import image_from_bytes, resize_image
from tocoad.data.problems import DataError
from tocoad.data.threads import ahead, thread_pool
from tocoad.errors import StageError
from tocoad.package.card import package_sha256
from tocoad.package.detector import Detector, load_detector
from tocoad.predict.files import finite_prediction
from tocoad.text.printable import encodable

# Who fetches waits, for a disk or a server; so many files, whole, are in memory before they are decoded.
_FETCHERS, _FETCHED = 8, 16


def score_shard(folders: Mapping[str, Path], text: str) -> str:
    """With a `package` and, where the source is a folder, its `images` at hand. Each row goes into the journal; without
    one, it returns what that would hold.

    Raises:
        StageError: the detector is damaged or another by now, or its answer to an image is not finite; no room for the
            journal.
        StoreError, StoreAwayError: the source is a bucket, and does not answer as it should.
    """
    order = ShardOrder.of(text)
    images = folders.get("images")
    source = _opened(order.place) if images is None else open_source(order.place, images)
    detector = _loaded(folders["package"], order.package)
    if order.journal is None:
        lines: list[str] = []
        _score(order, source, detector, lambda place, row: lines.append(line_of(place, row)))
        return "".join(lines)
    with journal(Path(order.journal)) as kept:
        _score(order, source, detector, lambda place, row: kept.add(line_of(place, row)))
    return ""


def _score(order: ShardOrder, source: Source, detector: Detector, tell: Callable[[int, Row], object]) -> None:
    def score(fetched: tuple[int, Future[bytes]]) -> None:
        place, content = fetched
        tell(place, _row(detector, order.names[place], content))

    with detector.shared(), thread_pool(_FETCHERS) as fetchers, thread_pool(order.threads) as scorers:
        coming = ahead(fetchers, source.read, order.names.values(), _FETCHED)
        for done in ahead(scorers, score, zip(order.names, coming, strict=True), 2 * order.threads):
            done.result()


def _row(detector: Detector, name: str, content: Future[bytes]) -> Row:
    try:
        pixels = image_from_bytes(content.result(), detector.card.depth, name)
    except DataError as error:
        return Row(error=encodable(error.problems[0].reason))
    prediction = finite_prediction(detector, resize_image(pixels, detector.image_size), name)
    return Row(float(prediction.pred_score[0]), bool(prediction.pred_label[0]))


# Once for a process: to make a client of S3 takes as long as to score an image, and its connections are used again.
_opened = lru_cache(maxsize=1)(open_source)

_last: tuple[str, Detector] | None = None


def _loaded(folder: Path, digest: str) -> Detector:
    """Once for a process that does one shard after another."""
    global _last
    if _last is None or _last[0] != digest:
        detector = load_detector(folder)
        if package_sha256(folder) != digest:
            raise StageError(
                f"{folder}: another detector than when this began: put that back, or --anew scores all again"
            )
        _last = digest, detector
    return _last[1]
