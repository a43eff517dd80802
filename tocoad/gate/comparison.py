"""Champion and challenger side by side, for who decides: figures, defect types, and the images judged otherwise.

The gate does not go by it. Both were scored on the same images, so that the two can be told apart image by image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from tocoad.gate.records import Candidate, ImageResult
from tocoad.metrics.bootstrap import Replicates, compare
from tocoad.metrics.names import METRIC_NAMES, MetricName


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contestant(_Record):
    """A version of the registered model, with the method and the digest of its package."""

    version: int
    method: str
    package: str


class Pair(_Record):
    """A metric of both. Intervals hold 95 % of the bootstrap's draws, which both have in common; `interval` is that of
    challenger less champion. None without draws.
    """

    metric: MetricName
    challenger: float | None
    champion: float | None
    challenger_interval: tuple[float, float] | None = None
    champion_interval: tuple[float, float] | None = None
    interval: tuple[float, float] | None = None

    @property
    def difference(self) -> float | None:
        return None if self.challenger is None or self.champion is None else self.challenger - self.champion


class Kind(_Record):
    """The test images of a defect type, or the good ones, and how many each judges rightly: rejects of a defect type,
    passes of the good ones. `lost` are those that the champion alone has right, `gained` the challenger alone.
    """

    defect_type: str
    good: bool
    images: int
    challenger: int
    champion: int
    lost: int
    gained: int


class Changed(_Record):
    """An image that one rejects and the other passes. `pictures` are files beside the record, by what they show, all of
    one `size` (width, height); empty where none were made.
    """

    image_path: str
    defect_type: str
    gt_label: int
    challenger_rejects: bool
    challenger_score: float
    champion_score: float
    size: tuple[int, int] | None = None
    pictures: Mapping[str, str] = {}

    @property
    def worse(self) -> bool:
        """The challenger is the one that is wrong."""
        return self.challenger_rejects != bool(self.gt_label)


class Comparison(_Record):
    """`changed` has the images that are judged otherwise, the worst first; `kinds` the types of which most is lost
    first, and `good` last. `thresholds` are challenger's and champion's: two detectors' scores have no common measure.
    `synthetic`: there are no defective test images, and the figures are of `made` anomalies on good images, which stand
    in for them.
    """

    format: Literal[1] = 1
    challenger: Contestant
    champion: Contestant
    evaluation_set: str
    synthetic: bool
    thresholds: tuple[float | None, float | None]
    figures: tuple[Pair, ...]
    kinds: tuple[Kind, ...]
    changed: tuple[Changed, ...]
    made: Kind | None = None

    @property
    def images(self) -> int:
        return sum(kind.images for kind in self.kinds)


def side_by_side(challenger: Candidate, champion: Candidate, new: Contestant, old: Contestant) -> Comparison:
    """`new` and `old` say whose figures they are.

    Raises:
        ValueError: the two were not scored on the same evaluation set.
    """
    if challenger.evaluation_set != champion.evaluation_set:
        raise ValueError("champion and challenger were scored on different evaluation sets: score both on the same one")
    pairs = _paired(challenger, champion)
    return Comparison(
        challenger=new,
        champion=old,
        evaluation_set=challenger.evaluation_set,
        synthetic=challenger.synthetic,
        thresholds=(_threshold(challenger), _threshold(champion)),
        figures=tuple(_figures(challenger, champion)),
        kinds=tuple(_kinds(pairs)),
        changed=tuple(sorted((_changed(*pair) for pair in pairs if _differ(*pair)), key=_harm)),
        made=_made(challenger, champion),
    )


_Pairs = list[tuple[ImageResult, ImageResult]]


def _paired(challenger: Candidate, champion: Candidate) -> _Pairs:
    """The same image as the challenger and as the champion judges it."""
    others = {image.image_path: image for image in champion.images}
    return [(image, others[image.image_path]) for image in challenger.images if image.image_path in others]


def _figures(challenger: Candidate, champion: Candidate) -> Iterator[Pair]:
    new, old = _replicates(challenger), _replicates(champion)
    for metric in METRIC_NAMES:
        pair = Pair(
            metric=metric,
            challenger=challenger.metrics.get(metric),
            champion=champion.metrics.get(metric),
            challenger_interval=new.interval(metric),
            champion_interval=old.interval(metric),
        )
        if pair.difference is not None and _same_draws(metric, new, old):
            found = compare(metric, new, old, pair.difference)
            assert found is not None
            pair = pair.model_copy(update={"interval": (found.low, found.high)})
        yield pair


def _replicates(candidate: Candidate) -> Replicates:
    draws = (candidate.replicates or {}).items()
    return Replicates({metric: np.array(values) for metric, values in draws if values})


def _same_draws(metric: MetricName, new: Replicates, old: Replicates) -> bool:
    return metric in new.values and metric in old.values and new.values[metric].size == old.values[metric].size


def _kinds(pairs: _Pairs) -> list[Kind]:
    by_type: dict[str, _Pairs] = {}
    for pair in pairs:
        by_type.setdefault(pair[0].defect_type, []).append(pair)
    kinds = [_kind(of_type) for of_type in by_type.values()]
    return sorted(kinds, key=lambda kind: (kind.good, -kind.lost / kind.images, -kind.gained, kind.defect_type))


def _kind(pairs: _Pairs) -> Kind:
    """Of at least one image; all are of one type."""
    return Kind(
        defect_type=pairs[0][0].defect_type,
        good=not pairs[0][0].gt_label,
        images=len(pairs),
        challenger=sum(_right(new) for new, _ in pairs),
        champion=sum(_right(old) for _, old in pairs),
        lost=sum(_right(old) and not _right(new) for new, old in pairs),
        gained=sum(_right(new) and not _right(old) for new, old in pairs),
    )


def _made(challenger: Candidate, champion: Candidate) -> Kind | None:
    """Several are made on one normal: they are paired by their order, which is the same for every detector."""
    if not (challenger.synthetic and champion.synthetic):
        return None
    pairs = [pair for pair in zip(challenger.made, champion.made, strict=True) if pair[0].gt_label]
    return _kind(pairs) if pairs else None


def _right(image: ImageResult) -> bool:
    return image.pred_label == bool(image.gt_label)


def _differ(new: ImageResult, old: ImageResult) -> bool:
    return new.pred_label != old.pred_label


def _changed(new: ImageResult, old: ImageResult) -> Changed:
    return Changed(
        image_path=new.image_path,
        defect_type=new.defect_type,
        gt_label=new.gt_label,
        challenger_rejects=new.pred_label,
        challenger_score=new.pred_score,
        champion_score=old.pred_score,
    )


def _harm(changed: Changed) -> tuple[bool, bool, float, str]:
    """What the challenger gets wrong comes first, and of that defects that pass; among these what the one that is wrong
    is surest of.
    """
    score = changed.challenger_score if changed.worse else changed.champion_score
    return not changed.worse, not changed.gt_label, score if changed.gt_label else -score, changed.image_path


def _threshold(candidate: Candidate) -> float | None:
    return None if candidate.promise is None else candidate.promise.threshold
