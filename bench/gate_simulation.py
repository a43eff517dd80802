"""Champions and challengers of known truth on many test sets, through the gate itself and through another statistic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tocoad.gate.case import Case
from tocoad.gate.decide import decide
from tocoad.gate.records import Candidate, ImageResult
from tocoad.metrics.bootstrap import draw_images
from tocoad.settings.sections import EvaluationSettings, GateSettings

# Of the two detectors' scores for one image, beyond what good and defective ones have in common. On 160 images it makes
# the difference of two AUROCs spread by 0.008; of retrains with another seed it was 0.005 to 0.016 (studies/tocoad).
CORRELATION = 0.9
# Test sets in turn share that many sets of draws: what they cost is not what is asked.
_DRAWS = 8

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """Of the test sets: on which the challenger is promoted under `gate.when_unsure` keep and promote, and on which
    DeLong's variance settles that it is not worse.
    """

    keep: float
    promote: float
    reference: float


def simulate(champion: float, difference: float, images: int, trials: int, images_min: int | None = None) -> Shares:
    """`champion` is its true image AUROC; half of the images are good. Scores are normal with unit variance, so that
    the AUROC is Phi(d / sqrt 2) where their means are d apart.
    """
    settings = GateSettings(metrics=("image_AUROC",))
    if images_min is not None:
        settings = settings.model_copy(update={"images_min": images_min})
    owners = {choice: settings.model_copy(update={"when_unsure": choice}) for choice in ("keep", "promote")}
    labels = np.repeat([0, 1], [images - images // 2, images // 2])
    apart = math.sqrt(2) * ndtri([champion + difference, champion])
    resamples = EvaluationSettings().bootstrap
    draws = [draw_images(labels, resamples, seed) for seed in range(_DRAWS)]
    answers = tuple(_answer(number, int(label)) for number, label in enumerate(labels))
    rng = np.random.default_rng((images, round(1e4 * champion), round(1e4 * (1 + difference))))
    promoted, settled = dict.fromkeys(owners, 0), 0
    for trial in range(trials):
        new, old = (outranked(labels, scores) for scores in _scores(labels, apart, rng))
        challenger, met = (
            _candidate(one, auroc_on_draws(labels, one, draws[trial % _DRAWS]), answers) for one in (new, old)
        )
        for choice, owner in owners.items():
            promoted[choice] += decide(Case(challenger, met, owner)).verdict == "promoted"
        settled += probability_worse(new, old, settings.margin) <= settings.risk
    return Shares(promoted["keep"] / trials, promoted["promote"] / trials, settled / trials)


def outranked(labels: NDArray[np.int64], scores: Array) -> Array:
    """(defective, good): 1 where the defective image has the greater score, 1/2 where they are equal."""
    above: Array = np.sign(scores[labels == 1][:, None] - scores[labels == 0][None, :]) / 2 + 0.5
    return above


def auroc_on_draws(labels: NDArray[np.int64], above: Array, draws: NDArray[np.uint16]) -> Array:
    """As `tocoad.metrics.replicates` has it, which finds other metrics too and takes the longer for it."""
    good, defective = (draws[:, labels == label].astype(np.float64) for label in (0, 1))
    drawn: Array = ((defective @ above) * good).sum(axis=1) / above.size
    return drawn


def probability_worse(new: Array, old: Array, margin: float) -> float:
    """P(the new detector's AUROC is lower by more than the margin), normal with the variance of DeLong, DeLong &
    Clarke-Pearson (1988), without draws; both by `outranked`.
    """
    apart = new - old
    difference = float(apart.mean())
    variance = sum(float(np.var(apart.mean(axis=axis), ddof=1)) / apart.shape[1 - axis] for axis in (0, 1))
    if variance == 0:
        return float(difference < -margin)
    return float(ndtr((-margin - difference) / math.sqrt(variance)))


def _scores(labels: NDArray[np.int64], apart: Array, rng: np.random.Generator) -> Array:
    """(2, N): the challenger's and the champion's."""
    common, own = rng.normal(size=labels.size), rng.normal(size=(2, labels.size))
    noise: Array = math.sqrt(CORRELATION) * common + math.sqrt(1 - CORRELATION) * own
    return noise + apart[:, None] * labels


def _candidate(above: Array, on_draws: Array, answers: tuple[ImageResult, ...]) -> Candidate:
    return Candidate(
        metrics={"image_AUROC": float(above.mean())},
        evaluation_set="simulated",
        replicates={"image_AUROC": tuple(on_draws.tolist())},
        images=answers,
    )


def _answer(number: int, label: int) -> ImageResult:
    """Without thresholds: what is asked here is the comparison of figures alone."""
    kind = "defect" if label else "good"
    return ImageResult(image_path=f"{number}.png", defect_type=kind, gt_label=label, pred_score=0.0, pred_label=False)
