"""ReContrast's sections of `params.yaml`: of one category's model, and of one model for all of a data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tocoad.settings.base import Blocks, Fraction, Section


class TrainSettings(Section):
    iterations: int = Field(2000, ge=1)
    batch_size: int = Field(16, ge=1)
    lr: float = Field(2e-3, gt=0, description="of bottleneck, decoder and heads")
    encoder_lr: float = Field(1e-5, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    decoder_blocks: tuple[Blocks, Blocks, Blocks] = Field((3, 4, 6), description="of each up-stage, the deepest first")
    activation: Literal["relu", "gelu"] = "relu"
    encoder_batch_norm: Literal["eval", "train", "paper", "clamped"] = Field(
        "eval", description="paper: its own choice for each category, made on test results"
    )
    mining_ramp: Fraction = Field(0.1, description="share of the iterations after which most points are mined away")
    adam_eps: float = Field(1e-8, gt=0)
    amsgrad: bool = False
    warm_up: Fraction = Field(0.0, description="share of the iterations, the first, in which the encoder rests")
    reset_every: int = Field(0, ge=0, description="iterations between fresh starts of the decoder's optimiser; 0: none")
    rest: int = Field(100, ge=0, description="iterations that the encoder rests after such a start")
    drop_at: Fraction = Field(1.0, description="share of the iterations after which the learning rates drop")
    drop_to: Annotated[float, Field(gt=0, le=1)] = Field(0.2, description="what they drop to, by what they were")


class ReContrastSettings(Section):
    train: TrainSettings = TrainSettings()


class UnifiedSettings(Section):
    unified: TrainSettings = TrainSettings(
        iterations=5000, activation="gelu", adam_eps=1e-10, amsgrad=True, drop_at=0.8, drop_to=0.2
    )
