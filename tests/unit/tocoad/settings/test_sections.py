"""Settings that contradict each other are refused by their keys."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tocoad.settings.sections import Settings


def test_a_scale_is_named_once() -> None:
    with pytest.raises(ValidationError, match=r"bank\.scales names a scale twice"):
        Settings.model_validate({"bank": {"scales": [1.0, 1.5, 1.0]}})


def test_several_banks_cannot_be_reweighted() -> None:
    sections = {"bank": {"scales": [1.0, 1.5]}, "scoring": {"reweight": True}}
    with pytest.raises(ValidationError, match=r"scoring\.reweight is defined for one bank"):
        Settings.model_validate(sections)
