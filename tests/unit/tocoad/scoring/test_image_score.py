from __future__ import annotations

import math

import pytest
import torch

from tocoad.scoring.image_score import max_score, reweighted_score, top_mean_score


def test_max_is_taken_over_each_image() -> None:
    maps = torch.tensor([[[1.0, 5.0], [2.0, 0.0]], [[-3.0, -1.0], [-2.0, -4.0]]])
    assert max_score(maps).tolist() == [5.0, -1.0]


@pytest.mark.parametrize(("percent", "expected"), [(1.0, 99.0), (5.0, 97.0), (100.0, 49.5), (0.1, 99.0)])
def test_top_mean_is_the_mean_of_the_highest_part(percent: float, expected: float) -> None:
    maps = torch.arange(100.0)[torch.randperm(100)].reshape(1, 10, 10)
    assert top_mean_score(maps, percent).item() == pytest.approx(expected)


def test_reweighting_is_the_papers_equation_7() -> None:
    distances = [[2.0, 2.5, 3.0], [1.0, 1.0, 1.0]]
    weights = [1 - math.exp(row[0]) / sum(map(math.exp, row)) for row in distances]
    scores = reweighted_score(torch.tensor([2.0, 1.0]), torch.tensor(distances))
    assert scores.tolist() == pytest.approx([2.0 * weights[0], 1.0 * weights[1]])
    assert weights[1] == pytest.approx(2 / 3)


def test_reweighting_stands_large_distances() -> None:
    assert reweighted_score(torch.tensor([500.0]), torch.tensor([[500.0, 500.0]])).item() == pytest.approx(250.0)
