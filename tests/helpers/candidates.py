"""Figures and answers of detectors, made up for tests of the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocoad.gate.records import Candidate, ImageResult, Promise
from tocoad.metrics.names import METRIC_NAMES


def answers(by_type: Mapping[str, Sequence[int]]) -> tuple[ImageResult, ...]:
    """Test images by defect type, `good` among them: 1 where the image is rejected."""
    return tuple(
        ImageResult(
            image_path=f"test/{kind}/{number:03d}.png",
            defect_type=kind,
            gt_label=int(kind != "good"),
            pred_score=float(label),
            pred_label=bool(label),
        )
        for kind, labels in by_type.items()
        for number, label in enumerate(labels)
    )


# As many as the tests ask for at least, all seen rightly.
TEN_EACH = answers({"good": [0] * 10, "crack": [1] * 10})


def candidate(
    images: Sequence[ImageResult] = TEN_EACH,
    promise: Promise | None = None,
    evaluation_set: str = "a" * 64,
    **metrics: float | None,
) -> Candidate:
    """Its figures are the same on each of 20 draws."""
    given = {name: metrics.get(name) for name in METRIC_NAMES}
    return Candidate(
        metrics=given,
        evaluation_set=evaluation_set,
        replicates={name: (value,) * 20 for name, value in given.items() if value is not None},
        images=tuple(images),
        promise=promise,
    )
