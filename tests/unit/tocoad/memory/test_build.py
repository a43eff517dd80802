from __future__ import annotations

import numpy as np
import pytest
import torch

from tocoad.memory.build import build_bank, gather
from tocoad.memory.settings import BankSettings


def test_patches_are_gathered_in_order_over_unequal_batches() -> None:
    patches = torch.arange(5 * 2 * 3 * 4.0).reshape(5, 2, 3, 4)
    rows = gather([patches[:2], patches[2:4], patches[4:]], images=5)
    assert rows.dtype == np.float32
    assert np.array_equal(rows, patches.reshape(30, 4).numpy())


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_another_number_of_images_is_an_error(batches: int) -> None:
    with pytest.raises(ValueError, match="2 images"):
        gather([torch.zeros(1, 2, 2, 3)] * batches, images=2)


def test_the_bank_is_the_share_of_patches_that_the_settings_ask_for() -> None:
    patches = torch.randn(10, 5, 5, 6, generator=torch.Generator().manual_seed(0))
    bank = build_bank(iter(patches.split(4)), 10, BankSettings(coreset_ratio=0.1), seed=0)
    assert bank.vectors.shape == (25, 6)
    known = {tuple(row) for row in patches.reshape(-1, 6).tolist()}
    chosen = {tuple(row) for row in bank.vectors.tolist()}
    assert len(chosen) == 25
    assert chosen <= known


def test_a_bank_has_one_vector_at_least() -> None:
    bank = build_bank([torch.rand(1, 2, 2, 3)], 1, BankSettings(coreset_ratio=0.01), seed=0)
    assert bank.vectors.shape == (1, 3)
