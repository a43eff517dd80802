"""The networks of a memory-bank detector: encoder, bank, anomaly map (methods 1.4). PatchCore's and ToCoAD's alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from tocoad.config import ScoringSettings
from tocoad.memory.bank import MemoryBank
from tocoad.nn.encoder import Encoder, EncoderSpec
from tocoad.scoring.anomaly_map import anomaly_map_operator, apply_operator
from tocoad.scoring.image_score import max_score, reweighted_score, top_mean_score
from tocoad.scoring.patches import patch_features

NAME = "memory_bank"


class MemoryBankArchitecture(BaseModel):
    """All that decides the networks apart from their tensors; kept in the detector's card.

    `layers` are the encoder's levels that the bank reads; empty where it reads all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: EncoderSpec
    layers: tuple[int, ...] = ()
    image_size: int
    pooled_width: int
    bank_size: int
    bank_width: int
    sigma: float
    image_score: Literal["max", "top_mean"]
    top_percent: float
    reweight: bool
    reweight_neighbours: int


class MemoryBankModel(nn.Module):
    """Distance of every patch to the nearest normal one, as a map and as one score."""

    operator: Tensor

    def __init__(self, encoder: Encoder, bank: MemoryBank, spec: MemoryBankArchitecture) -> None:
        super().__init__()
        self.encoder = encoder
        self.bank = bank
        self.spec = spec
        self.mean, self.std = encoder.mean, encoder.std
        self.layers = spec.layers or encoder.levels
        grid = spec.image_size // min(encoder.strides[level] for level in self.layers)
        operator = anomaly_map_operator(spec.image_size, grid, spec.sigma)
        self.register_buffer("operator", operator, persistent=False)

    @classmethod
    def assemble(
        cls,
        encoder: Encoder,
        bank: MemoryBank,
        image_size: int,
        pooled_width: int,
        scoring: ScoringSettings,
        layers: Sequence[int] = (),
    ) -> Self:
        """The model of trained parts; `layers` as in the architecture."""
        spec = MemoryBankArchitecture(
            encoder=encoder.spec,
            layers=tuple(layers),
            image_size=image_size,
            pooled_width=pooled_width,
            bank_size=bank.vectors.shape[0],
            bank_width=bank.vectors.shape[1],
            sigma=scoring.sigma,
            image_score=scoring.image_score,
            top_percent=scoring.top_percent,
            reweight=scoring.reweight,
            reweight_neighbours=scoring.reweight_neighbours,
        )
        return cls(encoder, bank, spec)

    @property
    def architecture(self) -> dict[str, Any]:
        return self.spec.model_dump(mode="json")

    @classmethod
    def from_architecture(cls, architecture: dict[str, Any]) -> Self:
        """With meaningless tensors; `load_state_dict` is to follow."""
        spec = MemoryBankArchitecture.model_validate(architecture)
        return cls(Encoder.from_spec(spec.encoder), MemoryBank(torch.zeros(spec.bank_size, spec.bank_width)), spec)

    def score(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S), normalised -> anomaly map (B, S, S) and image score (B,), float32."""
        return self.score_maps(self.encoder(images))

    def score_maps(self, maps_of_levels: Mapping[int, Tensor]) -> tuple[Tensor, Tensor]:
        """As `score`, from the encoder's maps {level: (B, C, H, W)}; levels that the bank does not read are ignored."""
        patches = patch_features({level: maps_of_levels[level] for level in self.layers}, self.spec.pooled_width)
        batch, height, width, _ = patches.shape
        flat = patches.flatten(1, 2)
        distances, nearest = self.bank.nearest(flat)
        maps = apply_operator(self.operator, distances.view(batch, height, width))
        if self.spec.image_score == "top_mean":
            scores = top_mean_score(maps, self.spec.top_percent)
        elif self.spec.reweight:
            worst = distances.argmax(1)
            rows = torch.arange(batch, device=flat.device)
            support = self.bank.support_distances(
                flat[rows, worst], nearest[rows, worst], self.spec.reweight_neighbours
            )
            scores = reweighted_score(distances[rows, worst], support)
        else:
            scores = max_score(maps)
        return maps, scores
