from __future__ import annotations

import pytest
import torch
from rounding import sum_error
from torch import Tensor, nn

from tocoad.memory import bank as module
from tocoad.memory.bank import MemoryBank


def features(*shape: int, seed: int = 0) -> Tensor:
    """Far from the origin, where distances by norms lose digits."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 20


def brute_force(queries: Tensor, vectors: Tensor) -> Tensor:
    return (queries.double()[..., None, :] - vectors.double()).square().sum(-1).sqrt()


@pytest.mark.parametrize("product", [2**22, 2**10])
def test_the_nearest_vector_and_its_exact_distance(product: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PRODUCT", product)  # the small one searches the bank in several pieces
    vectors, queries = features(700, 30), features(2, 50, 30, seed=1)
    distances, indices = MemoryBank(vectors).nearest(queries)
    expected = brute_force(queries, vectors).min(-1)
    assert torch.equal(indices, expected.indices)
    torch.testing.assert_close(distances, expected.values.float(), rtol=sum_error(30), atol=0)


def test_a_bank_vector_is_at_distance_zero_exactly() -> None:
    vectors = features(300, 152)
    distances, indices = MemoryBank(vectors).nearest(vectors[None])
    assert not distances.any()
    assert torch.equal(indices[0], torch.arange(300))


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_an_image_has_the_same_bytes_in_any_batch(batch: int) -> None:
    bank, queries = MemoryBank(features(900, 152)), features(16, 256, 152, seed=1)
    distances, indices = bank.nearest(queries)
    parts = [bank.nearest(part) for part in queries.split(batch)]
    assert torch.equal(torch.cat([part[0] for part in parts]), distances)
    assert torch.equal(torch.cat([part[1] for part in parts]), indices)


def test_support_is_the_neighbourhood_of_the_nearest_vector_itself_first() -> None:
    vectors = torch.tensor([[0.0, 0], [1, 0], [0, 2], [9, 9], [0, 0]])
    bank = MemoryBank(vectors)
    # The nearest of (0, -1) is vector 4, given to stand for its equal 0; next to it lie 0 and 1, in this order.
    distances = bank.support_distances(torch.tensor([[0.0, -1], [8, 9]]), torch.tensor([4, 3]), 3)
    assert distances[0].tolist() == pytest.approx([1.0, 1.0, 2**0.5])
    assert distances[1, 0] == 1
    assert bank.support_distances(torch.zeros(1, 2), torch.tensor([0]), 9).shape == (1, 5)


def test_a_loaded_bank_searches_the_loaded_vectors() -> None:
    trained = nn.ModuleDict({"bank": MemoryBank(features(40, 8))})
    fresh = nn.ModuleDict({"bank": MemoryBank(torch.zeros(40, 8))})
    assert list(trained.state_dict()) == ["bank.vectors"]
    fresh.load_state_dict(trained.state_dict())
    queries = features(1, 20, 8, seed=3)
    for loaded, expected in zip(fresh["bank"].nearest(queries), trained["bank"].nearest(queries), strict=True):
        assert torch.equal(loaded, expected)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_a_traced_search_follows_its_input() -> None:
    class Search(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bank = MemoryBank(features(40, 8))

        def forward(self, queries: Tensor) -> Tensor:
            return self.bank.nearest(queries)[0]

    search = Search()
    traced = torch.jit.trace(search, features(1, 20, 8, seed=1))
    other = features(1, 20, 8, seed=2)
    torch.testing.assert_close(traced(other), search(other))
