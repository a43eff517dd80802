"""What docs/results/gate.md is made from: simulated detectors, and the statistic beside the gate's."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from bench import gate_page
from bench.gate_page import write_page
from bench.gate_simulation import Shares, auroc_on_draws, outranked, probability_worse, simulate
from bench.gate_studies import breaches, retrains
from tocoad.metrics.bootstrap import draw_images
from tocoad.metrics.image import image_AUROC
from tocoad.metrics.replicates import image_replicates

RNG = np.random.default_rng(5)
LABELS = np.repeat([0, 1], [30, 40])
OLD = RNG.normal(size=70) + 1.5 * LABELS
NEW = OLD + 0.5 * RNG.normal(size=70)


def test_figures_on_draws_are_those_of_the_evaluation() -> None:
    draws = draw_images(LABELS, 50, 1)
    scores = np.round(NEW, 1)  # with ties
    above = outranked(LABELS, scores)
    assert above.mean() == pytest.approx(image_AUROC(LABELS, scores), abs=1e-12)
    expected = image_replicates(draws, LABELS, scores)["image_AUROC"]
    np.testing.assert_allclose(auroc_on_draws(LABELS, above, draws), expected, rtol=0, atol=1e-12)


def test_the_reference_is_the_normal_tail_of_a_spread_that_a_jackknife_finds_too() -> None:
    new, old = outranked(LABELS, NEW), outranked(LABELS, OLD)
    apart = new - old
    variance = 0.0
    for axis, count in ((0, 40), (1, 30)):
        left_out = np.array([np.delete(apart, index, axis).mean() for index in range(count)])
        variance += (count - 1) / count * np.sum((left_out - left_out.mean()) ** 2)
    tail = NormalDist(apart.mean(), float(variance) ** 0.5).cdf(-0.01)
    assert probability_worse(new, old, 0.01) == pytest.approx(tail, abs=1e-3)
    assert probability_worse(old, old, 0.0) == 0.0


def test_a_challenger_that_is_far_worse_is_not_promoted_and_one_that_is_far_better_is() -> None:
    worse, better = simulate(0.95, -0.25, 100, 10), simulate(0.75, 0.2, 100, 10)
    assert worse == Shares(0.0, 0.0, 0.0) and better == Shares(1.0, 1.0, 1.0)
    guarded, unguarded = simulate(0.99, -0.01, 20, 40), simulate(0.99, -0.01, 20, 40, images_min=1)
    assert guarded.keep == 0.0 < unguarded.keep <= unguarded.promote == guarded.promote


def test_the_page_tells_the_shares_and_what_is_found_of_real_detectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_page, "PAGE", tmp_path / "gate.md")
    shares = {0.95: {40: {-0.01: Shares(0.12, 0.5, 0.1), 0.0: Shares(0.3, 0.75, 0.2)}}}
    write_page(shares, shares, 500, retrains(), breaches())
    page = (tmp_path / "gate.md").read_text()
    assert "| champion 0.95; challenger | -0.01 | 0 |" in page
    assert "| 40 images | 12 / 50 | 30 / 75 |" in page and "| 40 images | 12 / 10 | 30 / 20 |" in page
    # By hand from studies/tocoad: of each variant and category six ordered pairs of seeds.
    assert "| the same with another seed | 48 |" in page and "The 42 real detectors" in page
