from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rounding import sum_error

from tocoad.memory.coreset import greedy_k_centre


def clustered(rows: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Clusters of unequal width far from the origin: the shape of real patch features."""
    random = np.random.default_rng(seed)
    centres = random.normal(5, 3, (12, width))
    spread = random.uniform(0.1, 1.5, (12, 1))
    which = random.integers(12, size=rows)
    return (centres[which] + spread[which] * random.normal(size=(rows, width))).astype(np.float32)


def distance_to(rows: NDArray[np.float32], i: int) -> NDArray[np.float64]:
    return np.linalg.norm(rows.astype(np.float64) - rows[i], axis=1)


def distances_to(rows: NDArray[np.float32], chosen: list[int]) -> NDArray[np.float64]:
    return np.min([distance_to(rows, i) for i in chosen], axis=0)


def brute_force(rows: NDArray[np.float32], first: int, count: int) -> list[int]:
    chosen, distances = [first], distance_to(rows, first)
    while len(chosen) < count:
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, distance_to(rows, chosen[-1]))
    return chosen


def told_apart(rows: NDArray[np.float32], chosen: list[int]) -> bool:
    """Whether each was the farthest by more than float32 rounds away: then any order of its sums chooses it."""
    distances = distance_to(rows, chosen[0])
    for row in chosen[1:]:
        second, farthest = np.sort(distances)[-2:]
        if second >= farthest * (1 - sum_error(rows.shape[1])):
            return False
        distances = np.minimum(distances, distance_to(rows, row))
    return True


@pytest.mark.parametrize(("rows", "width", "count"), [(700, 40, 60), (300, 3, 100), (130, 152, 130), (5000, 16, 25)])
def test_the_chosen_set_is_that_of_brute_force(rows: int, width: int, count: int) -> None:
    features = clustered(rows, width)
    chosen = greedy_k_centre(features, count, seed=3, projection=128).tolist()
    expected = brute_force(features, chosen[0], count)
    assert told_apart(features, expected)
    assert set(chosen) == set(expected)
    assert distances_to(features, chosen).max() == distances_to(features, expected).max()


def test_the_approximate_start_is_the_row_farthest_from_ten_on_average() -> None:
    features = clustered(10, 6)  # ten rows: whichever ten are drawn, they are all
    chosen = greedy_k_centre(features, 4, seed=0, projection=128, start="approximate").tolist()
    mean = np.mean([np.linalg.norm(features.astype(np.float64) - row, axis=1) for row in features], axis=0)
    expected: list[int] = []
    bound = mean
    for _ in range(4):
        expected.append(int(bound.argmax()))
        bound = np.minimum(mean, distances_to(features, expected))
        bound[expected] = -1
    assert chosen == expected


def test_the_start_depends_on_the_seed_alone() -> None:
    features = clustered(400, 8)
    first, again, other = (greedy_k_centre(features, 10, seed=seed, projection=128) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first[0] != other[0]


def test_of_equally_far_rows_the_first_is_chosen() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 4), axis=-1).reshape(-1, 4).astype(np.float32)
    for seed in range(10):
        features = np.random.default_rng(seed).permutation(grid)  # whole numbers: every tie is exact
        chosen = greedy_k_centre(features, 128, seed=0, projection=128).tolist()
        assert chosen == brute_force(features, chosen[0], 128)


@pytest.mark.parametrize("width", [152, 600])
def test_the_thread_count_changes_nothing(width: int) -> None:
    features = clustered(3000, width)
    before = torch.get_num_threads()
    chosen = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            chosen.append(greedy_k_centre(features, 50, seed=0, projection=128).tolist())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert chosen[0] == chosen[1]


def test_a_projected_choice_covers_nearly_as_well() -> None:
    features = clustered(1500, 512)
    projected = greedy_k_centre(features, 100, seed=0, projection=128).tolist()
    exact = brute_force(features, projected[0], 100)
    assert set(projected) != set(exact)
    assert distances_to(features, projected).max() < 1.25 * distances_to(features, exact).max()


def test_narrow_features_are_not_projected() -> None:
    features = clustered(500, 152)
    wide, exact = (greedy_k_centre(features, 40, seed=0, projection=p).tolist() for p in (128, 152))
    assert wide == exact


def test_equal_rows_are_never_chosen_twice() -> None:
    features = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    chosen = greedy_k_centre(features, 12, seed=0, projection=128).tolist()
    assert sorted(chosen) == list(range(12))
    assert {tuple(features[i]) for i in chosen[:3]} == {tuple(row) for row in np.eye(3)}


def test_more_than_all_rows_gives_all_of_them() -> None:
    assert sorted(greedy_k_centre(clustered(7, 4), 20, seed=0, projection=128)) == list(range(7))
