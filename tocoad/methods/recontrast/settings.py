"""ReContrast's sections of `params.yaml`: of one category's model, and of one model for all of a data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tocoad.settings.base import Blocks, Fraction, Section


class TrainSettings(Section):
    iterations: int = Field(2000, ge=1, description="steps of the training")
    batch_size: int = Field(16, ge=1, description="images of a step")
    lr: float = Field(2e-3, gt=0, description="learning rate of bottleneck and decoder")
    encoder_lr: float = Field(1e-5, gt=0, description="learning rate of the trained encoder")
    weight_decay: float = Field(1e-5, ge=0, description="of AdamW")
    decoder_blocks: tuple[Blocks, Blocks, Blocks] = Field(
        (3, 4, 6), description="blocks of each up-stage, the deepest first"
    )
    activation: Literal["relu", "gelu"] = Field("relu", description="function of bottleneck and decoder")
    encoder_batch_norm: Literal["eval", "train", "paper", "clamped"] = Field(
        "eval", description="how its batch norms train; paper: its own choice by category, made on test results"
    )
    mining_ramp: Fraction = Field(0.1, description="share of the iterations after which most points are mined away")
    adam_eps: float = Field(1e-8, gt=0, description="epsilon of AdamW")
    amsgrad: bool = Field(False, description="AdamW with the greatest second moment")
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
