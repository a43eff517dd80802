from __future__ import annotations

import pytest

from tocoad.metrics.names import METRIC_NAMES
from tocoad.metrics.seeds import Spread, over_seeds


def test_mean_and_sample_deviation_over_the_runs_that_have_the_figure() -> None:
    spreads = over_seeds(
        [
            {"image_AUROC": 0.90, "pixel_AP": 0.5, "image_AP": None},
            {"image_AUROC": 0.92, "pixel_AP": None, "image_AP": None},
            {"image_AUROC": 0.97, "image_AP": None},
        ]
    )
    assert tuple(spreads) == METRIC_NAMES
    auroc = spreads["image_AUROC"]
    assert auroc is not None
    # (0.03^2 + 0.01^2 + 0.04^2) / 2 = 0.0013
    assert (auroc.mean, auroc.std, auroc.runs) == (pytest.approx(0.93), pytest.approx(0.0013**0.5), 3)
    assert spreads["pixel_AP"] == Spread(0.5, None, 1)
    assert spreads["image_AP"] is None
    assert spreads["pixel_AUPRO"] is None


def test_no_run_at_all_has_no_figure() -> None:
    assert set(over_seeds([]).values()) == {None}
