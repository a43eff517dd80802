from __future__ import annotations

import numpy as np
import pytest

from tocoad.metrics.ranking import Ranker, rank


@pytest.mark.parametrize("seed", range(6))
def test_ranks_count_the_normal_scores_above_and_not_below(seed: int) -> None:
    rng = np.random.default_rng(seed)
    normal = rng.integers(0, 12, 57).astype(np.float32)
    anomalous = rng.integers(3, 16, 23).astype(np.float32)
    ranking = rank(normal.copy(), anomalous)
    assert ranking is not None
    np.testing.assert_array_equal(ranking.scores, np.sort(anomalous))
    np.testing.assert_array_equal(anomalous[ranking.order], ranking.scores)
    np.testing.assert_array_equal(ranking.above, [(normal > s).sum() for s in ranking.scores])
    np.testing.assert_array_equal(ranking.not_below, [(normal >= s).sum() for s in ranking.scores])


@pytest.mark.parametrize("top", [0.05, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("seed", range(6))
def test_sorting_only_the_top_keeps_every_rank_that_starts_within_it(seed: int, top: float) -> None:
    rng = np.random.default_rng(seed)
    normal = rng.integers(0, 9, 101).astype(np.float32)
    anomalous = rng.integers(0, 12, 40).astype(np.float32)
    ranking = rank(normal.copy(), anomalous, top)
    assert ranking is not None
    above = np.array([(normal > s).sum() for s in ranking.scores])
    not_below = np.array([(normal >= s).sum() for s in ranking.scores])
    within = above < top * normal.size
    assert within.any()
    np.testing.assert_array_equal(ranking.above[within], above[within])
    np.testing.assert_array_equal(ranking.not_below[within], not_below[within])
    assert (ranking.above[~within] >= top * normal.size).all()


@pytest.mark.parametrize("chunk", [1, 7, 20, 57])
@pytest.mark.parametrize("seed", range(3))
def test_chunks_add_up_to_the_whole(seed: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    normal = rng.integers(0, 12, 57).astype(np.float32)
    anomalous = rng.integers(3, 16, 23).astype(np.float32)
    whole = rank(normal.copy(), anomalous)
    ranker = Ranker(anomalous)
    for start in range(0, normal.size, chunk):
        ranker.add(normal[start : start + chunk].copy())
    parts = ranker.ranking()
    assert whole is not None
    assert parts is not None
    assert parts.normal_count == whole.normal_count == 57
    for name in ("scores", "order", "above", "not_below"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_nothing_to_rank_is_none() -> None:
    some, none = np.ones(3, np.float32), np.empty(0, np.float32)
    assert rank(some, none) is None
    assert rank(none, some) is None


@pytest.mark.parametrize("top", [0.3, 1.0])
def test_a_score_that_is_no_number_is_refused(top: float) -> None:
    good = np.arange(10, dtype=np.float32)
    bad = np.array([1, np.nan, 3], np.float32)
    with pytest.raises(ValueError, match="NaN"):
        rank(bad.copy(), good.copy(), top)
    with pytest.raises(ValueError, match="NaN"):
        rank(good.copy(), bad.copy(), top)
