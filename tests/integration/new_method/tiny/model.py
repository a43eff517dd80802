from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn


class TinyModel(nn.Module):
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self, image: Tensor, power: float) -> None:
        super().__init__()
        self.register_buffer("image", image)
        self.power = power

    @property
    def architecture(self) -> dict[str, Any]:
        return {"size": self.image.shape[-1], "power": self.power}

    @classmethod
    def from_architecture(cls, architecture: dict[str, Any]) -> Self:
        size = architecture["size"]
        return cls(torch.zeros(3, size, size), architecture["power"])

    def score(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = (images - self.image).abs().mean(1) ** self.power
        return found, found.amax((1, 2))

    def embed(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))
