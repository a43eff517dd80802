"""What one rule of the gate found."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["passed", "failed", "unsure", "not applicable"]
"""`unsure`: the test images are too few to tell. `not applicable`: what the rule looks at is not there, and nothing is
said for or against the challenger.
"""
Figures = dict[str, float | None]


class Finding(BaseModel):
    """One sentence with its figures; `name` is the rule and what it looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    outcome: Outcome
    reason: str
    figures: Figures = {}
