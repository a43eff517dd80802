"""The detector of a batch, before any network is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.scoring.model import model_in
from tests.helpers.packages import save_detector
from tocoad.errors import StageError
from tocoad.package.card import CARD_FILE, MODEL_FILE


def test_a_package_that_is_damaged_or_none_is_told_in_a_line(tmp_path: Path) -> None:
    package = save_detector(tmp_path / "package", 1, probes=False)
    whole = model_in(package, "m")
    assert whole.card.category == "gear"
    (package / MODEL_FILE).write_bytes((package / MODEL_FILE).read_bytes()[:-1] + b"x")
    with pytest.raises(StageError, match=r"is no whole detector package .*tensors"):
        model_in(package, "m")
    (package / CARD_FILE).write_text("{")
    with pytest.raises(StageError, match="is no whole detector package"):
        model_in(package, "m")
    with pytest.raises(StageError, match="nowhere is no whole detector package"):
        model_in(tmp_path / "nowhere", "m")
