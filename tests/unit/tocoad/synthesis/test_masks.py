from __future__ import annotations

import numpy as np
import pytest

from tocoad.synthesis.masks import area_allowed


@pytest.mark.parametrize(
    ("pixels", "allowed"),
    [(0, False), (4, False), (5, True), (1000, True), (3000, True), (3001, False), (10000, False)],
)
def test_areas_of_five_in_ten_thousand_to_three_in_ten_are_allowed(pixels: int, allowed: bool) -> None:
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask.reshape(-1)[:pixels] = True
    assert area_allowed(mask) == allowed
