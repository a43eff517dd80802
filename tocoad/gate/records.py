"""What the gate reads, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tocoad.gate.finding import Figures, Finding
from tocoad.gate.parity import Parity
from tocoad.metrics.names import MetricName

Verdict = Literal["promoted", "waiting", "kept", "rejected"]
MADE = "made"
"""The defect type of an anomaly that a generator made."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageResult(_Record):
    """A test image and what the detector says of it, as in `predictions.csv`; `gt_label` 1: defective. `image_path` is
    below the category's data.
    """

    image_path: str
    defect_type: str
    gt_label: int
    pred_score: float
    pred_label: bool


class Promise(_Record):
    """The false-reject rate that a threshold promises, from so many calibration images."""

    calibration_images: int
    expected_false_reject_rate: float
    threshold: float | None = None


class Candidate(_Record):
    """One detector's figures on one frozen evaluation set.

    `evaluation_set` is the digest of the test images it was scored on. `replicates` are the metrics on bootstrap draws
    of these images; two candidates' must be of the same draws. Without them only the figures are compared. `images` are
    the test images, `promise` is that of the detector's threshold. `synthetic`: there are no defective test images, and
    the figures are of `made`, held-out normals with made anomalies and as they are, which stand in for them.
    """

    metrics: Mapping[MetricName, float | None]
    evaluation_set: str
    replicates: Mapping[MetricName, tuple[float, ...]] | None = None
    images: tuple[ImageResult, ...] = ()
    promise: Promise | None = None
    synthetic: bool = False
    made: tuple[ImageResult, ...] = ()

    @property
    def judged(self) -> tuple[ImageResult, ...]:
        """The images that the figures are of."""
        return self.made if self.synthetic else self.images


class Speed(_Record):
    """Challenger and champion on the same images in one process, taking turns: milliseconds an image (median), the
    median of the rounds' ratios, of so many `images` one after another, and the packages' bytes.
    """

    challenger_ms: float
    champion_ms: float
    ratio: float
    images: int
    device: str
    challenger_bytes: int
    champion_bytes: int


class TestData(_Record):
    """Of the evaluation set: images by defect type (`good` among them), the same as they were when the champion was
    judged first (None: not known), and the test images that are among the training images too.
    """

    __test__ = False  # not one of pytest's, whatever its name

    images: Mapping[str, int]
    before: Mapping[str, int] | None = None
    duplicates: tuple[str, ...] = ()


class Evidence(_Record):
    """What the figures do not tell, found by whoever can run it; None: it was not looked at."""

    parity: Parity | None = None
    speed: Speed | None = None
    data: TestData | None = None


class Decision(_Record):
    """`promoted`: the challenger takes the champion's place. `waiting`: a person is to say. `kept`: the champion stays,
    because the challenger is worse, or nobody can tell and the owner wants it so. `rejected`: the challenger fails what
    any version has to hold.

    `reasons` are one sentence each, the one that decided first. `findings` has each rule with its outcome and figures;
    verdicts before there were any have the figures alone, by rule.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, Figures] = {}
