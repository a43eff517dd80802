"""ToCoAD's sections of `params.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tocoad.settings.base import Fraction, Level, Section


class Stage1Settings(Section):
    iterations: int = Field(600, ge=1, description="steps of the training")
    batch_size: int = Field(8, ge=1, description="samples of a step")
    lr: float = Field(1e-4, gt=0, description="learning rate at the start")
    weight_decay: float = Field(1e-5, ge=0, description="of AdamW")
    focal_alpha: Fraction = Field(0.5, description="weight of anomalous pixels in the focal loss")
    focal_gamma: float = Field(2.0, ge=0, description="how little pixels count that are sure already")
    decoder_blocks: int = Field(2, ge=1, description="inverse residual blocks in each up-stage of D")
    pool: int = Field(0, ge=0, description="samples whose maps are kept and used again; 0: new ones at each step")
    train_encoder: bool = Field(False, description="fine-tune the encoder as well, at a tenth of lr")

    @model_validator(mode="after")
    def _pool_needs_a_frozen_encoder(self) -> Stage1Settings:
        if self.pool and self.train_encoder:
            raise ValueError("stage1.pool keeps the maps of a frozen encoder: set train_encoder: false, or pool: 0")
        return self


class Stage2Settings(Section):
    iterations: int = Field(300, ge=0, description="0: the encoder stays as stage 1 left it")
    batch_size: int = Field(8, ge=1, description="images of a step")
    encoder_lr: float = Field(1e-5, gt=0, description="learning rate of the encoder")
    head_lr: float = Field(1e-3, gt=0, description="learning rate of projectors and predictors")
    weight_decay: float = Field(1e-5, ge=0, description="of AdamW")
    clip_norm: float = Field(1.0, gt=0, description="greatest norm of a step's gradient")
    lambda_dis: float = Field(1.0, ge=0, description="reading A: the frozen D's focal loss through the encoder")
    lambda_neg: float = Field(0.0, ge=0, description="reading B: explicit negatives")
    lambda_anchor: float = Field(0.0, ge=0, description="pull towards the frozen encoder")
    negative_weight: Literal["mask", "probability"] = Field(
        "probability", description="what weighs a negative place: the mask, or D's belief"
    )
    margin: float = Field(0.0, ge=-1, le=1, description="similarity that a negative may keep")
    contrast_layers: tuple[Level, ...] = Field((3, 4), min_length=1, description="levels at which views are compared")
    frozen_stages: int = Field(1, ge=0, le=4, description="the stem and this many stages stay as they are")
    brightness: Fraction = Field(0.15, description="greatest change of a view's brightness")
    contrast: Fraction = Field(0.15, description="greatest change of its contrast")
    saturation: Fraction = Field(0.15, description="greatest change of its saturation")
    hue: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.02, description="greatest turn of its hue, as a share of the circle"
    )
    blur_sigma: float = Field(1.0, ge=0, description="upper limit of the light blur, in pixels")


class FusionSettings(Section):
    weight: float = Field(
        0.0, ge=0, description="what D's certainty adds to the bank's map, in units of its pixel threshold; 0: nothing"
    )
    sigma: float = Field(2.0, ge=0, description="Gaussian of D's map, in pixels")


class TrainingSettings(Section):
    stage1: Stage1Settings = Stage1Settings()
    stage2: Stage2Settings = Stage2Settings()


class FusedSettings(Section):
    fusion: FusionSettings = FusionSettings()
