"""The memory bank of a graph against brute force, and what a batch of it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rounding import sum_error
from skip_report import reason
from torch import Tensor, nn

from tocoad.export import bank as module
from tocoad.export.bank import GraphBank
from tocoad.memory.bank import MemoryBank


def features(*shape: int, seed: int = 0) -> Tensor:
    """Far from the origin, where distances by norms lose digits."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 20


def brute_force(queries: Tensor, vectors: Tensor) -> Tensor:
    return (queries.double()[..., None, :] - vectors.double()).square().sum(-1).sqrt()


@pytest.mark.parametrize("product", [2**22, 2**10])
def test_the_nearest_vector_and_its_distance_in_every_image_of_a_batch(
    product: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PRODUCT", product)  # the small one takes the bank in slices
    vectors, queries = features(700, 30), features(3, 50, 30, seed=1)
    distances, indices = GraphBank(MemoryBank(vectors), 0).nearest(queries)
    expected = brute_force(queries, vectors).min(-1)
    assert torch.equal(indices, expected.indices)
    # Of a difference of two shifted numbers, each as large as a distance, as vectors and queries are alike.
    torch.testing.assert_close(distances, expected.values.float(), rtol=2 * sum_error(30), atol=0)


def test_the_neighbours_of_a_vector_are_those_that_the_bank_finds() -> None:
    vectors, queries = features(300, 30), features(40, 30, seed=1)
    bank = MemoryBank(vectors)
    nearest = torch.randint(0, 300, (40,), generator=torch.Generator().manual_seed(2))
    found = GraphBank(bank, 9).support_distances(queries, nearest, 9)
    torch.testing.assert_close(found, bank.support_distances(queries, nearest, 9), rtol=2 * sum_error(30), atol=0)


def test_a_bank_smaller_than_its_neighbourhood_gives_all_of_it() -> None:
    bank = MemoryBank(torch.tensor([[0.0, 0], [1, 0], [0, 2], [9, 9], [0, 0]]))
    found = GraphBank(bank, 9).support_distances(torch.zeros(1, 2), torch.tensor([0]), 9)
    assert found.shape == (1, 5) and found[0, 0] == 0


_RUN = """
import json, numpy, onnxruntime, sys

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
queries = numpy.random.default_rng(0).normal(size=(16, 64, 16)).astype(numpy.float32)
session.run(None, {"queries": queries[:1]})
before = peak()
session.run(None, {"queries": queries})
print(json.dumps((peak() - before) / 1024))
"""


@pytest.mark.skipif(sys.platform != "linux", reason=reason("no /proc, which has the peak of memory", "on Linux"))
def test_a_batch_of_16_takes_a_fraction_of_the_product_with_all_of_a_large_bank(tmp_path: Path) -> None:
    class Search(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bank = GraphBank(MemoryBank(torch.randn(200_000, 16)), 0)

        def forward(self, queries: Tensor) -> Tensor:
            return self.bank.nearest(queries)[0]

    torch.onnx.export(
        Search(),
        (torch.zeros(2, 64, 16),),
        tmp_path / "search.onnx",
        input_names=["queries"],
        dynamic_shapes={"queries": {0: torch.export.Dim("batch")}},
        dynamo=True,
        verbose=False,
    )
    command = [sys.executable, "-c", _RUN, str(tmp_path / "search.onnx")]
    mebibytes = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    whole = 16 * 64 * 200_000 * 4 / 2**20
    assert mebibytes < whole / 3, f"{mebibytes:.0f} MiB, where the whole product has {whole:.0f}"
