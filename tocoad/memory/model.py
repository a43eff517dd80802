"""The networks of a memory-bank detector, PatchCore's and ToCoAD's alike: encoder, bank, anomaly map.

See methods.md: the memory bank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self, cast

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from tocoad.memory.bank import MemoryBank
from tocoad.nn.encoder import Encoder, EncoderSpec
from tocoad.scoring.anomaly_map import anomaly_map_operator, apply_operator
from tocoad.scoring.embedding import image_embedding
from tocoad.scoring.image_score import image_score, reweighted_score
from tocoad.scoring.patches import patch_features
from tocoad.settings.sections import ImageScore, ScoringSettings

NAME = "memory_bank"


class BankScale(BaseModel):
    """One of the banks: its images are enlarged by `factor` first; the distances `low` and `high` become 0 and 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor: float
    bank_size: int
    low: float = 0.0
    high: float = 1.0


class MemoryBankArchitecture(BaseModel):
    """All that decides the networks apart from their tensors; kept in the detector's card.

    `layers` are the encoder's levels that the banks read; empty where they read all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: EncoderSpec
    layers: tuple[int, ...] = ()
    image_size: int
    pooled_width: int
    bank_width: int
    scales: tuple[BankScale, ...]
    sigma: float
    image_score: ImageScore
    top_percent: float
    reweight: bool
    reweight_neighbours: int


class MemoryBankModel(nn.Module):
    """Distance of every patch to the nearest normal one, as a map and as one score.

    With one scale the map is the distances themselves, as in PatchCore. With several it is the mean over the scales'
    maps, each on the range that `normalised_by` gives it: distances of a finer grid are of another size.
    """

    def __init__(self, encoder: Encoder, banks: Sequence[MemoryBank], spec: MemoryBankArchitecture) -> None:
        super().__init__()
        self.encoder = encoder
        self.banks = nn.ModuleList(banks)
        self.spec = spec
        self.mean, self.std = encoder.mean, encoder.std
        self.layers = spec.layers or encoder.levels
        stride = min(encoder.strides[level] for level in self.layers)
        for number, scale in enumerate(spec.scales):
            grid = scaled_size(spec.image_size, scale.factor) // stride
            operator = anomaly_map_operator(spec.image_size, grid, spec.sigma)
            self.register_buffer(f"operator_{number}", operator, persistent=False)

    @classmethod
    def assemble(
        cls,
        encoder: Encoder,
        banks: Mapping[float, MemoryBank],
        image_size: int,
        pooled_width: int,
        scoring: ScoringSettings,
        layers: Sequence[int] = (),
    ) -> Self:
        """The model of trained parts; `banks` by the factor of their scale, `layers` as in the architecture."""
        spec = MemoryBankArchitecture(
            encoder=encoder.spec,
            layers=tuple(layers),
            image_size=image_size,
            pooled_width=pooled_width,
            bank_width=next(iter(banks.values())).vectors.shape[1],
            scales=tuple(BankScale(factor=factor, bank_size=bank.size) for factor, bank in banks.items()),
            sigma=scoring.sigma,
            image_score=scoring.image_score,
            top_percent=scoring.top_percent,
            reweight=scoring.reweight,
            reweight_neighbours=scoring.reweight_neighbours,
        )
        return cls(encoder, list(banks.values()), spec)

    def normalised_by(self, ranges: Sequence[tuple[float, float]]) -> Self:
        """The same networks; the (low, high) of each scale become 0 and 1."""
        scales = [
            scale.model_copy(update={"low": low, "high": high})
            for scale, (low, high) in zip(self.spec.scales, ranges, strict=True)
        ]
        spec = self.spec.model_copy(update={"scales": tuple(scales)})
        return type(self)(self.encoder, [self.bank(number) for number in range(len(scales))], spec)

    @property
    def architecture(self) -> dict[str, Any]:
        return self.spec.model_dump(mode="json")

    @classmethod
    def from_architecture(cls, architecture: dict[str, Any]) -> Self:
        """With meaningless tensors; `load_state_dict` is to follow."""
        spec = MemoryBankArchitecture.model_validate(architecture)
        banks = [MemoryBank(torch.zeros(scale.bank_size, spec.bank_width)) for scale in spec.scales]
        return cls(Encoder.from_spec(spec.encoder), banks, spec)

    @property
    def bank_size(self) -> int:
        """Vectors of all banks."""
        return sum(scale.bank_size for scale in self.spec.scales)

    def bank(self, number: int) -> MemoryBank:
        return cast(MemoryBank, self.banks[number])

    def score(self, images: Tensor, known: Mapping[int, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S), normalised -> anomaly map (B, S, S) and image score (B,), float32.

        `known`: the encoder's maps of these images by level, where the caller has them anyway.
        """
        found = self.search(images, known)
        maps = self.combined(self.distance_maps(found))
        if self.spec.reweight:
            return maps, self._reweighted(found[0])
        return maps, image_score(maps, self.spec.image_score, self.spec.top_percent)

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, S, S), normalised -> (B, D) float32, of the maps that the banks read."""
        return image_embedding(self.encoder(images, self.layers))

    def search(self, images: Tensor, known: Mapping[int, Tensor] | None = None) -> list[Nearest]:
        """What each bank says to every patch of the images; `known` as in `score`."""
        return [self._nearest(images, number, known) for number in range(len(self.banks))]

    def distance_maps(self, found: Sequence[Nearest]) -> list[Tensor]:
        """The anomaly map (B, S, S) of each scale alone, in distances."""
        maps = []
        for number, match in enumerate(found):
            operator: Tensor = getattr(self, f"operator_{number}")
            grid = operator.shape[1]
            maps.append(apply_operator(operator, match.distances.view(-1, grid, grid)))
        return maps

    def combined(self, maps: Sequence[Tensor]) -> Tensor:
        """The anomaly map (B, S, S) of those of all scales: their mean, each on the range of its scale."""
        terms = [(x - scale.low) / (scale.high - scale.low) for x, scale in zip(maps, self.spec.scales, strict=True)]
        return torch.stack(terms).mean(0) if len(terms) > 1 else terms[0]

    def _nearest(self, images: Tensor, number: int, known: Mapping[int, Tensor] | None) -> Nearest:
        factor = self.spec.scales[number].factor
        if factor != 1.0 or known is None:
            known = self.encoder(enlarged(images, factor), self.layers)
        patches = patch_features({level: known[level] for level in self.layers}, self.spec.pooled_width).flatten(1, 2)
        return Nearest(patches, *self.bank(number).nearest(patches))

    def _reweighted(self, found: Nearest) -> Tensor:
        worst = found.distances.argmax(1)
        rows = torch.arange(worst.shape[0], device=worst.device)
        neighbours = self.spec.reweight_neighbours
        support = self.bank(0).support_distances(found.patches[rows, worst], found.indices[rows, worst], neighbours)
        return reweighted_score(found.distances[rows, worst], support)


class Nearest(NamedTuple):
    """Of P patches of B images: features (B, P, D), distance to the nearest bank vector (B, P) and its index (B, P)."""

    patches: Tensor
    distances: Tensor
    indices: Tensor


def scaled_size(image_size: int, factor: float) -> int:
    """Side in pixels of an image enlarged by `factor`: the nearest multiple of 32, the deepest level's stride."""
    return max(1, round(image_size * factor / 32)) * 32


def enlarged(images: Tensor, factor: float) -> Tensor:
    """(B, 3, S, S) -> (B, 3, T, T), bilinear. It adds no detail, but the encoder's filters see smaller things."""
    size = scaled_size(images.shape[-1], factor)
    if size == images.shape[-1]:
        return images
    return F.interpolate(images, size, mode="bilinear", align_corners=False)
