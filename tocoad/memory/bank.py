"""The memory bank: exact nearest neighbours among the vectors of normal patches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tocoad.memory.bounds import PrincipalBounds

_WIDE = 512  # vectors from this width on are searched by bounds: below, the whole product is as fast
# Products of this many numbers stay in the allocator's reusable memory; larger ones cost page faults each time.
_PRODUCT = 2**22


class MemoryBank(nn.Module):
    """Holds `vectors` (M, D), float32; the other buffers follow from them, after `load_state_dict` as well.

    The nearest vector is found by argmin of |b|^2 / 2 - q.b, one matrix product with both sides shifted to the bank's
    mean, as norms far from zero cost digits; of wide vectors on a CPU by `PrincipalBounds`, which is exact as well and
    three times as fast. Its distance is then computed afresh from the difference.
    """

    vectors: Tensor
    mean: Tensor
    factors: Tensor

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors.float().contiguous())
        self._derive()

    def _derive(self) -> None:
        mean = self.vectors.mean(0)
        shifted = self.vectors - mean
        half_norms = shifted.square().sum(1, keepdim=True) / 2
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("factors", torch.cat([-shifted, half_norms], dim=1).T.contiguous(), persistent=False)
        self._bounds: PrincipalBounds | None = None

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self._derive()

    @property
    def size(self) -> int:
        return self.vectors.shape[0]

    def nearest(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, P, D) of B images -> Euclidean distances (B, P) and bank indices (B, P).

        Each image is a product of its own: rounding depends on a product's shape, and an image's distances must be the
        same bytes in a batch of 1 and of 16. It stays in float32 under autocast: bf16 finds wrong neighbours.
        """
        with torch.autocast(queries.device.type, enabled=False):
            found = [self._nearest_of_image(image) for image in queries.float()]
        return torch.stack([distance for distance, _ in found]), torch.stack([index for _, index in found])

    def support_distances(self, queries: Tensor, nearest: Tensor, neighbours: int) -> Tensor:
        """Distances (B, b) from `queries` (B, D) to the b bank vectors nearest to the bank vectors `nearest` (B,).

        Those come first themselves; b is at most M. PatchCore's re-weighting of the image score reads them.
        """
        count = min(neighbours, len(self.vectors))
        rows = []
        for query, index in zip(queries.float(), nearest, strict=True):
            to_centre = (self.vectors - self.vectors[index]).square().sum(1)
            support = to_centre.index_fill(0, index, -1).topk(count, largest=False).indices
            rows.append((self.vectors[support] - query).square().sum(1).sqrt())
        return torch.stack(rows)

    def _nearest_of_image(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(P, D) -> (P,), (P,)."""
        index = self._by_bounds(image) if image.shape[1] >= _WIDE and _is_numpy(image) else self._by_product(image)
        return (image - self.vectors[index]).square().sum(1).sqrt(), index

    def _by_bounds(self, image: Tensor) -> Tensor:
        if self._bounds is None:
            self._bounds = PrincipalBounds.of(self.vectors)
        return self._bounds.nearest(image, _PRODUCT)

    def _by_product(self, image: Tensor) -> Tensor:
        shifted = torch.cat([image - self.mean, image.new_ones(len(image), 1)], dim=1)
        width = max(256, _PRODUCT // len(image))
        best, index = _row_minimum(shifted @ self.factors[:, :width])
        for start in range(width, len(self.vectors), width):
            value, position = _row_minimum(shifted @ self.factors[:, start : start + width])
            index = torch.where(value < best, position + start, index)
            best = torch.minimum(best, value)
        return index


def _row_minimum(values: Tensor) -> tuple[Tensor, Tensor]:
    """Minimum of each row and its first position; on the CPU by numpy, whose argmin is 8 times as fast as torch's."""
    if not _is_numpy(values):
        minimum = values.min(1)
        return minimum.values, minimum.indices
    position = torch.from_numpy(values.numpy(force=True).argmin(1))
    return values.gather(1, position[:, None])[:, 0], position


def _is_numpy(values: Tensor) -> bool:
    """Whether numpy may compute with them. A tracer cannot follow it, and would keep its result as a constant."""
    return values.device.type == "cpu" and not torch._C._is_tracing() and not torch.compiler.is_compiling()
