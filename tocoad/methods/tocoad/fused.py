"""The memory bank's map and D's, added: beyond the paper, which discards D after training (methods.md: the detector).

The bank sees what is unlike every normal patch, D what looks like damage, with sharp borders; D's map alone is worse
than the bank's where defects look like nothing it was trained on. Its probability is bounded, so it can only add.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from tocoad.memory.model import MemoryBankArchitecture, MemoryBankModel
from tocoad.nn.decoder import Discriminator
from tocoad.scoring.anomaly_map import apply_operator, smoothing_operator
from tocoad.scoring.image_score import image_score

NAME = "fused"


class FusedArchitecture(BaseModel):
    """All that decides the networks apart from their tensors; kept in the detector's card.

    `low` and `high` are the bank map's median and pixel threshold on calibration normals: they become 0 and 1. `weight`
    is what D's certainty, 1, adds on that scale; `sigma` smooths D's map, in pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bank: MemoryBankArchitecture
    decoder_blocks: int
    low: float
    high: float
    weight: float
    sigma: float


class FusedModel(nn.Module):
    """(bank map - low) / (high - low) + weight * smoothed probability of D."""

    smoothing: Tensor

    def __init__(self, bank: MemoryBankModel, discriminator: Discriminator, spec: FusedArchitecture) -> None:
        super().__init__()
        self.bank = bank
        self.discriminator = discriminator
        self.spec = spec
        self.mean, self.std = bank.mean, bank.std
        self.register_buffer("smoothing", smoothing_operator(spec.bank.image_size, spec.sigma), persistent=False)

    @classmethod
    def assemble(
        cls,
        bank: MemoryBankModel,
        discriminator: Discriminator,
        decoder_blocks: int,
        scale: tuple[float, float],
        weight: float,
        sigma: float,
    ) -> Self:
        """The model of trained parts; `scale` is (low, high), and the bank's encoder has all of D's levels."""
        low, high = scale
        spec = FusedArchitecture(
            bank=bank.spec, decoder_blocks=decoder_blocks, low=low, high=high, weight=weight, sigma=sigma
        )
        return cls(bank, discriminator, spec)

    @property
    def architecture(self) -> dict[str, Any]:
        return self.spec.model_dump(mode="json")

    @classmethod
    def from_architecture(cls, architecture: dict[str, Any]) -> Self:
        """With meaningless tensors; `load_state_dict` is to follow."""
        spec = FusedArchitecture.model_validate(architecture)
        bank = MemoryBankModel.from_architecture(spec.bank.model_dump(mode="json"))
        return cls(bank, Discriminator(bank.encoder.channels, spec.decoder_blocks), spec)

    def score(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S), normalised -> anomaly map (B, S, S) and image score (B,), float32."""
        maps_of_levels = self.bank.encoder(images)
        distances, _ = self.bank.score(images, maps_of_levels)
        logits = self.discriminator(maps_of_levels, self.spec.bank.image_size).float().squeeze(1)
        probability = apply_operator(self.smoothing, torch.sigmoid(logits))
        maps = (distances - self.spec.low) / (self.spec.high - self.spec.low) + self.spec.weight * probability
        return maps, image_score(maps, self.spec.bank.image_score, self.spec.bank.top_percent)

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, S, S), normalised -> (B, D) float32: the bank's."""
        return self.bank.embed(images)
