"""The section `bank`, of every method that keeps a memory of normal patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from tocoad.settings.base import Level, Section

if TYPE_CHECKING:
    from tocoad.settings.sections import ScoringSettings


class BankSettings(Section):
    layers: tuple[Level, ...] = Field(
        (2, 3), min_length=1, description="levels of the encoder whose maps are remembered"
    )
    scales: tuple[Annotated[float, Field(ge=0.5, le=4)], ...] = Field(
        (1.0,), min_length=1, description="the image is enlarged by each of these, and each has a bank of its own"
    )
    coreset_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01, description="share of the patch features that is kept"
    )
    coreset: Literal["exact", "approximate"] = Field("exact", description="how they are chosen")
    pooled_width: int = Field(1024, ge=8, description="features wider than this are pooled to it")
    projection: int = Field(128, ge=8, description="random projection for coreset distances, where features are wider")

    @model_validator(mode="after")
    def _scales_differ(self) -> BankSettings:
        if len(set(self.scales)) < len(self.scales):
            raise ValueError("bank.scales names a scale twice")
        return self


class BankedSettings(Section):
    bank: BankSettings = BankSettings()

    if TYPE_CHECKING:
        scoring: ScoringSettings  # a section that all methods share: it is there in the whole settings

    @model_validator(mode="after")
    def _one_bank_to_reweight(self) -> Self:
        if self.scoring.reweight and len(self.bank.scales) > 1:
            raise ValueError("scoring.reweight is defined for one bank: set it to false, or bank.scales to [1.0]")
        return self
