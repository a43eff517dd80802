"""`metrics.json`: every figure of one evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from tocoad.calibration.conformal import Threshold
from tocoad.data.manifest import ImageRecord
from tocoad.gate.records import Promise
from tocoad.metrics.names import FurtherName, MetricName


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Thresholds(_Part):
    """The detector's thresholds, from calibration normals, and what the image threshold promises."""

    image: float
    pixel: float
    method: str
    calibration_images: int
    requested_false_reject_rate: float
    expected_false_reject_rate: float
    sufficient: bool

    @classmethod
    def of(cls, image: Threshold, pixel: float) -> Thresholds:
        return cls(
            image=image.value,
            pixel=pixel,
            method=image.method,
            calibration_images=image.n,
            requested_false_reject_rate=image.alpha,
            expected_false_reject_rate=image.expected_false_reject_rate,
            sufficient=image.sufficient,
        )

    @property
    def promise(self) -> Promise:
        """As the gate reads it."""
        return Promise(
            calibration_images=self.calibration_images,
            expected_false_reject_rate=self.expected_false_reject_rate,
            threshold=self.image,
        )


class AtThreshold(_Part):
    """What the line would have done with the test images; None where there is no image to count."""

    false_reject_rate: float | None
    recall: float | None
    recall_by_defect_type: dict[str, float]

    @classmethod
    def count(cls, records: Sequence[ImageRecord], pred_labels: Sequence[bool]) -> AtThreshold:
        good = [label for record, label in zip(records, pred_labels, strict=True) if record.gt_label == 0]
        by_type: dict[str, list[bool]] = {}
        for record, label in zip(records, pred_labels, strict=True):
            if record.gt_label == 1:
                by_type.setdefault(record.defect_type, []).append(label)
        return cls(
            false_reject_rate=_share(good),
            recall=_share([label for labels in by_type.values() for label in labels]),
            recall_by_defect_type={name: sum(labels) / len(labels) for name, labels in sorted(by_type.items())},
        )


class Counts(_Part):
    """Test images. `without_mask` are the defective ones that the pixel metrics leave out."""

    good: int
    defective: int
    without_mask: int


class EvaluationReport(_Part):
    """`intervals` are 95 % intervals of a percentile bootstrap over images with `resamples` draws; without draws or
    without the figure there is none. `further` are variants for comparison with other work, and no more than that.
    `oracle_F1_threshold` reaches image_F1Max (`score >= threshold`) and was chosen on the test labels: a diagnostic,
    not a threshold to use. `evaluation_set` is the digest of the test images, their labels and masks.
    """

    metrics: Mapping[MetricName, float | None]
    intervals: Mapping[MetricName, tuple[float, float]]
    further: Mapping[FurtherName, float | None]
    threshold: Thresholds
    at_threshold: AtThreshold
    counts: Counts
    oracle_F1_threshold: float | None
    pro_limit: float
    resamples: int
    evaluation_set: str


def _share(labels: Sequence[bool]) -> float | None:
    return sum(labels) / len(labels) if labels else None
