"""A shard of a batch in a worker: images are fetched ahead, and scored as `tocoad predict` scores them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.scoring.journal import Row, journal, line_of, read_rows
from services.scoring.source import Source, open_source
from tocoad.data.images import image_from_bytes, resize_image
from tocoad.data.problems import DataError
from tocoad.data.threads import ahead, thread_pool
from tocoad.package.detector import Detector, load_detector
from tocoad.predict.files import finite_prediction
from tocoad.text.printable import encodable

# Who fetches waits, for a disk or a server; so many files, whole, are in memory before they are decoded.
_FETCHERS, _FETCHED = 8, 16


class ShardOrder(BaseModel):
    """What a worker is told as text. `package` is the package's digest; `journal` a file that both sides reach, None
    where they share no disk.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str
    names: tuple[str, ...]
    package: str
    threads: int
    journal: str | None


def score_shard(folders: Mapping[str, Path], text: str) -> str:
    """With a `package` and, where the source is a folder, its `images` at hand. Images that the journal has are not
    scored again; without one, it returns what it would hold.

    Raises:
        StageError: the detector is damaged, or its answer to an image is not finite; no room for the journal.
        StoreError, StoreAwayError: the source is a bucket, and does not answer as it should.
    """
    order = ShardOrder.model_validate_json(text)
    source = open_source(order.place, folders.get("images"))
    detector = _loaded(folders["package"], order.package)
    if order.journal is None:
        lines: list[str] = []
        _score(order, source, detector, set(), lambda place, row: lines.append(line_of(place, row)))
        return "".join(lines)
    file = Path(order.journal)
    with journal(file) as kept:
        _score(order, source, detector, read_rows(file).keys(), kept.add)
    return ""


def _score(
    order: ShardOrder, source: Source, detector: Detector, known: Iterable[int], tell: Callable[[int, Row], object]
) -> None:
    left = sorted(set(range(len(order.names))) - set(known))

    def score(fetched: tuple[int, Future[bytes]]) -> None:
        place, content = fetched
        tell(place, _row(detector, order.names[place], content))

    with detector.shared(), thread_pool(_FETCHERS) as fetchers, thread_pool(order.threads) as scorers:
        coming = ahead(fetchers, lambda place: source.read(order.names[place]), left, _FETCHED)
        for done in ahead(scorers, score, zip(left, coming, strict=True), 2 * order.threads):
            done.result()


def _row(detector: Detector, name: str, content: Future[bytes]) -> Row:
    try:
        pixels = image_from_bytes(content.result(), detector.card.depth, name)
    except DataError as error:
        return Row(error=encodable(error.problems[0].reason))
    prediction = finite_prediction(detector, resize_image(pixels, detector.image_size), name)
    return Row(float(prediction.pred_score[0]), bool(prediction.pred_label[0]))


_last: tuple[str, Detector] | None = None


def _loaded(folder: Path, digest: str) -> Detector:
    """Once for a process that does one shard after another."""
    global _last
    if _last is None or _last[0] != digest:
        _last = digest, load_detector(folder)
    return _last[1]
