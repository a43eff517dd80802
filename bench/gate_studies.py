"""What the gate says of real detectors: those whose figures and draws lie in studies/tocoad."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

from tocoad.calibration.promise import chance_of_rejects
from tocoad.gate.case import Case
from tocoad.gate.decide import decide
from tocoad.gate.finding import Outcome
from tocoad.gate.records import Candidate, ImageResult
from tocoad.gate.rules.non_regression import non_regression
from tocoad.settings.sections import GateSettings

_STUDY = Path(__file__).parents[1] / "studies" / "tocoad"
_CATEGORIES, _SEEDS = ("bottle", "magnetic_tile", "screw", "transistor"), (0, 1, 2)
_SETTINGS = GateSettings()

Outcomes = dict[str, Counter[Outcome | str]]
"""By metric, and by `verdict`."""


def retrains() -> dict[str, Outcomes]:
    """By what the challenger is to the champion; all on the small encoder, judged on the same images."""
    seeds = list(permutations(_SEEDS, 2))
    return {
        "the same with another seed": _outcomes(
            (category, (variant, new), (variant, old))
            for variant in ("patchcore", "default")
            for category in _CATEGORIES
            for new, old in seeds
        ),
        "ToCoAD against PatchCore": _outcomes(_against("default", "patchcore")),
        "PatchCore against ToCoAD": _outcomes(_against("patchcore", "default")),
    }


def breaches() -> tuple[int, float]:
    """How many detectors there are, and the least probability that chance has a threshold reject as many good test
    images as one of them does.
    """
    chances = []
    for file in sorted(_STUDY.glob("*/*/*.json")):
        cell = json.loads(file.read_text(encoding="utf-8"))
        counts, fitted = cell["figures"]["manifest"], cell["figures"]["fit"]
        good, calibration = int(counts["test_good"]), int(counts["calibration"])
        rank = round(fitted["expected_false_reject_rate"] * (calibration + 1))
        chances.append(chance_of_rejects(round(cell["false_reject_rate"] * good), good, calibration, rank))
    return len(chances), min(chances)


_Pair = tuple[str, tuple[str, int], tuple[str, int]]


def _against(new: str, old: str) -> Iterator[_Pair]:
    return ((category, (new, seed), (old, seed)) for category in _CATEGORIES for seed in _SEEDS)


def _outcomes(pairs: Iterator[_Pair]) -> Outcomes:
    found: Outcomes = {name: Counter() for name in (*_SETTINGS.metrics, "verdict")}
    for category, new, old in pairs:
        case = Case(_candidate(category, *new), _candidate(category, *old), _SETTINGS)
        for metric, finding in zip(_SETTINGS.metrics, non_regression(case), strict=True):
            found[metric][finding.outcome] += 1
        found["verdict"][decide(case).verdict] += 1
    return found


def _candidate(category: str, variant: str, seed: int) -> Candidate:
    """The study keeps no image's answer: what each detector rejects is not asked."""
    cell: dict[str, Any] = json.loads((_STUDY / "lite0" / variant / f"{category}-{seed}.json").read_text("utf-8"))
    counts = cell["figures"]["manifest"]
    images = [
        ImageResult(image_path=f"{number}.png", defect_type="any", gt_label=label, pred_score=0.0, pred_label=False)
        for label, name in enumerate(("test_good", "test_defective"))
        for number in range(int(counts[name]))
    ]
    return Candidate(
        metrics=cell["metrics"],
        evaluation_set=cell["evaluation_set"],
        replicates={name: tuple(values) for name, values in cell["replicates"].items()},
        images=tuple(images),
    )
