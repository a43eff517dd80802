"""What a verdict is about: package, evaluation set, rules. Where one is another now, it says nothing of the present."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict

from tocoad.gate.rules.table import RULES
from tocoad.settings.sections import Settings

# How long a question waits changes no answer.
_NOT_OF_A_VERDICT = ("approval_hours",)
# What decides the anomalies that stand in where there are no defects.
_STAND_IN = ("validation", "validation_count", "foreground", "texture_dir")


class Subject(BaseModel):
    """Digests of the three, and the method of which the package is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    package: str
    evaluation_set: str
    rules: str


def rules_digest(settings: Settings) -> str:
    """Of the rules that there are, of their settings, and of what else decides the figures that they compare."""
    rules = {
        "rules": [rule.__name__ for rule, _ in RULES],
        "gate": settings.gate.model_dump(mode="json", exclude={*_NOT_OF_A_VERDICT}),
        "pro_limit": settings.evaluation.pro_limit,
        "stand_in": settings.synthesis.model_dump(mode="json", include={*_STAND_IN}),
    }
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()
