"""The networks of a ReContrast detector and its anomaly map (methods.md: the map of ReContrast)."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from tocoad.methods.recontrast.networks import LEVELS, ReconstructionNetwork
from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.nn.encoder import Encoder, EncoderSpec
from tocoad.scoring.anomaly_map import anomaly_map_operator, apply_operator
from tocoad.scoring.embedding import image_embedding
from tocoad.scoring.image_score import image_score
from tocoad.settings.sections import ImageScore, ScoringSettings

NAME = "recontrast"


class ReContrastArchitecture(BaseModel):
    """All that decides the networks apart from their tensors; kept in the detector's card.

    `ratio` is the width of the bottleneck blocks' middle convolutions by what they give.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    trained: EncoderSpec
    frozen: EncoderSpec
    ratio: float
    decoder_blocks: tuple[int, int, int]
    activation: Literal["relu", "gelu"]
    image_size: int
    sigma: float
    image_score: ImageScore
    top_percent: float


class ReContrastModel(nn.Module):
    """Cosine distance between two encoders' maps and their reconstructions, each from the other's code.

    The six maps, of three levels and two directions, are brought to the image's size and summed.
    """

    def __init__(
        self, trained: Encoder, frozen: Encoder, network: ReconstructionNetwork, spec: ReContrastArchitecture
    ) -> None:
        super().__init__()
        self.trained = trained
        self.frozen = frozen
        self.network = network
        self.spec = spec
        self.mean, self.std = frozen.mean, frozen.std
        for level in LEVELS:
            operator = anomaly_map_operator(spec.image_size, spec.image_size // frozen.strides[level], spec.sigma)
            self.register_buffer(f"operator_{level}", operator, persistent=False)

    @classmethod
    def assemble(
        cls,
        trained: Encoder,
        frozen: Encoder,
        network: ReconstructionNetwork,
        image_size: int,
        settings: TrainSettings,
        scoring: ScoringSettings,
    ) -> Self:
        """The model of trained parts in eval mode, folded; the encoders have the levels 1, 2 and 3 alone."""
        ratio = frozen.bottleneck_ratio
        trained, frozen = trained.folded(), frozen.folded()
        spec = ReContrastArchitecture(
            trained=trained.spec,
            frozen=frozen.spec,
            ratio=ratio,
            decoder_blocks=settings.decoder_blocks,
            activation=settings.activation,
            image_size=image_size,
            sigma=scoring.sigma,
            image_score=scoring.image_score,
            top_percent=scoring.top_percent,
        )
        return cls(trained, frozen, network.folded(), spec)

    @property
    def architecture(self) -> dict[str, Any]:
        return self.spec.model_dump(mode="json")

    @classmethod
    def from_architecture(cls, architecture: dict[str, Any]) -> Self:
        """With meaningless tensors; `load_state_dict` is to follow."""
        spec = ReContrastArchitecture.model_validate(architecture)
        trained, frozen = Encoder.from_spec(spec.trained), Encoder.from_spec(spec.frozen)
        network = ReconstructionNetwork(frozen.channels, spec.ratio, spec.decoder_blocks, spec.activation)
        return cls(trained, frozen, network.eval().folded(), spec)

    def score(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S), normalised -> anomaly map (B, S, S) in [0, 12] and image score (B,), float32."""
        trained, frozen = self.trained(images), self.frozen(images)
        of_frozen, of_trained = self.network(trained, frozen)
        maps = images.new_zeros(images.shape[0], self.spec.image_size, self.spec.image_size, dtype=torch.float32)
        for level in LEVELS:
            points = point_distance(frozen[level], of_frozen[level]) + point_distance(trained[level], of_trained[level])
            maps = maps + apply_operator(getattr(self, f"operator_{level}"), points)
        return maps, image_score(maps, self.spec.image_score, self.spec.top_percent)

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, S, S), normalised -> (B, D) float32, of the frozen encoder's maps."""
        return image_embedding(self.frozen(images))


def point_distance(target: Tensor, prediction: Tensor) -> Tensor:
    """(B, C, H, W) each -> 1 - cos over channels, (B, H, W) float32 in [0, 2]; float32 under autocast as well."""
    with torch.autocast(target.device.type, enabled=False):
        return 1 - F.cosine_similarity(target.float(), prediction.float(), dim=1)
