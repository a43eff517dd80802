"""The nearest vector by bounds against float64 brute force, on vectors that suit the bounds and on others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from rounding import sum_error
from torch import Tensor

from tocoad.memory import bank as banks
from tocoad.memory.bank import MemoryBank
from tocoad.memory.bounds import PrincipalBounds

WIDTH, PRODUCT = 512, 2**22
AS_NEAR = sum_error(WIDTH)
"""Of distances of which float32 cannot tell which is the less."""


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def near_few_axes(count: int, seed: int) -> Tensor:
    """Like patches of one category: most of the variance on 20 axes, far from the origin."""
    return normal(count, 20, seed=seed) @ normal(20, WIDTH, seed=99) + 0.3 * normal(count, WIDTH, seed=seed + 1) + 20


def in_all_directions(count: int, seed: int) -> Tensor:
    """No bound rules out anything."""
    return normal(count, WIDTH, seed=seed)


def on_one_line(count: int, seed: int) -> Tensor:
    """No rest is left of a vector, and no second axis."""
    return normal(count, 1, seed=seed) * torch.linspace(0.5, 1.5, WIDTH)


def brute_force(queries: Tensor, vectors: Tensor) -> Tensor:
    return torch.cdist(queries.double(), vectors.double(), compute_mode="donot_use_mm_for_euclid_dist")


@pytest.mark.parametrize("product", [PRODUCT, 2**10])
@pytest.mark.parametrize("draw", [near_few_axes, in_all_directions, on_one_line])
def test_the_nearest_vector_is_found(draw: Callable[[int, int], Tensor], product: int) -> None:
    vectors, queries = draw(900, 1), draw(300, 2)  # the small product searches the bank in several pieces
    found = PrincipalBounds.of(vectors).nearest(queries, product)
    whole = brute_force(queries, vectors)
    of_found = whole.gather(1, found[:, None])[:, 0]
    torch.testing.assert_close(of_found, whole.min(1).values, rtol=AS_NEAR, atol=1e-6)
    assert (found == whole.argmin(1)).float().mean() > 0.99


def test_a_vector_of_the_bank_finds_itself_and_of_equal_ones_the_first() -> None:
    vectors = near_few_axes(600, 3)
    vectors[400] = vectors[7]
    found = PrincipalBounds.of(vectors).nearest(vectors, 2**16)
    expected = torch.arange(600)
    expected[400] = 7
    assert torch.equal(found, expected)


def test_far_queries_and_a_bank_of_one_vector_have_their_nearest() -> None:
    vectors = near_few_axes(500, 4)
    far = vectors[:50] + 1000 * normal(50, WIDTH, seed=5)
    whole = brute_force(far, vectors)
    found = PrincipalBounds.of(vectors).nearest(far, PRODUCT)
    torch.testing.assert_close(whole.gather(1, found[:, None])[:, 0], whole.min(1).values, rtol=AS_NEAR, atol=0)
    assert not PrincipalBounds.of(vectors[:1]).nearest(far, PRODUCT).any()


def test_a_wide_bank_is_searched_by_bounds_and_agrees_with_the_whole_product(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, queries = MemoryBank(near_few_axes(700, 6)), near_few_axes(128, 7)[None]
    distances, _ = bank.nearest(queries)
    assert bank._bounds is not None
    monkeypatch.setattr(banks, "_WIDE", WIDTH + 1)
    plain = MemoryBank(bank.vectors)
    torch.testing.assert_close(plain.nearest(queries)[0], distances, rtol=AS_NEAR, atol=0)
    assert plain._bounds is None


def test_loaded_vectors_are_searched_by_bounds_of_their_own() -> None:
    bank, queries = MemoryBank(in_all_directions(80, 8)), near_few_axes(20, 9)[None]
    bank.nearest(queries)
    trained = MemoryBank(near_few_axes(80, 10))
    bank.load_state_dict(trained.state_dict())
    assert torch.equal(bank.nearest(queries)[1], trained.nearest(queries)[1])
