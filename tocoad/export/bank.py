"""The memory bank in the form that a graph can hold: whole batches, without a branch, in bounded memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tocoad.memory.bank import MemoryBank

# Products of an image and a slice of the bank hold about this many numbers: 4 MiB. So the products of a batch of 16
# take 64 MiB, whatever the size of the bank.
_PRODUCT = 2**20
_LEAST_WIDTH = 256
# Candidates beside the neighbours asked for: their distances are compared once more, as the bank computes them.
_SPARE = 8
_ROWS = 1024


class GraphBank(nn.Module):
    """Stands for a `MemoryBank` and answers as it does, but for rounding.

    The nearest vector is the argmax of q'.b' - |b'|^2 / 2, one matrix product with both sides shifted to the bank's
    mean. The bank is taken in slices, as the product with all of it would take a gigabyte for 16 images and some ten
    thousand vectors. The vectors nearest to each vector, which PatchCore's re-weighting asks for, are found here and
    once.
    """

    rows: Tensor
    mean: Tensor
    neighbours: Tensor

    def __init__(self, bank: MemoryBank, neighbours: int) -> None:
        """`neighbours` is how many of them the re-weighting reads; 0 where there is none."""
        super().__init__()
        mean = bank.vectors.mean(0)
        shifted = bank.vectors.double() - mean.double()
        half_norms = shifted.square().sum(1, keepdim=True) / 2
        self.register_buffer("mean", mean)
        self.register_buffer("rows", torch.cat([shifted, half_norms], dim=1).float())
        if neighbours:
            self.register_buffer("neighbours", _neighbours(bank.vectors, min(neighbours, bank.size)))

    def nearest(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, P, D) -> Euclidean distances (B, P) and bank indices (B, P)."""
        shifted = (queries.float() - self.mean).flatten(0, 1)
        left = torch.cat([shifted, shifted.new_full((shifted.shape[0], 1), -1)], dim=1)
        width = max(_LEAST_WIDTH, _PRODUCT // queries.shape[1])
        best, index = _row_maximum(left @ self.rows[:width].T)
        for start in range(width, len(self.rows), width):
            # What is best so far is part of the product: a runtime that could take all slices at once would.
            gain, position = _row_maximum(torch.addmm(-best[:, None], left, self.rows[start : start + width].T))
            index = torch.where(gain > 0, position + start, index)
            best = best + gain.clamp(min=0)
        distances = (shifted - self.rows[index][:, :-1]).square().sum(1).sqrt()
        shape = queries.shape[:2]
        return distances.view(shape), index.view(shape)

    def support_distances(self, queries: Tensor, nearest: Tensor, neighbours: int) -> Tensor:
        """As the bank's: distances (B, b) from `queries` (B, D) to the b vectors nearest to `nearest` (B,)."""
        support = self.rows[self.neighbours[nearest]][..., :-1]
        return (support - (queries.float() - self.mean)[:, None]).square().sum(2).sqrt()


def _row_maximum(values: Tensor) -> tuple[Tensor, Tensor]:
    """Maximum of each row and its position, the one by the other: neither can be put off while the product is kept."""
    position = values.argmax(1)
    return values.gather(1, position[:, None])[:, 0], position


def _neighbours(vectors: Tensor, count: int) -> Tensor:
    """(M, D) -> (M, count): the vectors nearest to each, itself first, in the order that the bank finds them in.

    A product in double precision names the candidates, and their distances in float32 decide.
    """
    wide = vectors.double()
    wide = wide - wide.mean(0)
    norms = wide.square().sum(1)
    found = []
    for rows in torch.split(torch.arange(len(vectors)), _ROWS):
        squares = norms - 2 * wide[rows] @ wide.T
        candidates = squares.topk(min(count + _SPARE, len(vectors)), largest=False).indices.sort(1).values
        exact = (vectors[candidates] - vectors[rows, None]).square().sum(2)
        exact = torch.where(candidates == rows[:, None], -1.0, exact)
        found.append(candidates.gather(1, exact.topk(count, largest=False).indices))
    return torch.cat(found)
