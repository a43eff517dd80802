"""A category of a test's own: with packages, or with versions that are numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.mlflow.tracking import Tracking
from tests.helpers.line import Line, MakeLine
from tests.helpers.registering import Shop, make_shop


@pytest.fixture
def shop(tracking: Tracking, tmp_path: Path, make_detector: Callable[[int], Path]) -> Shop:
    return make_shop(tracking, tmp_path, make_detector)


@pytest.fixture
def make_line(tracking: Tracking, tmp_path: Path) -> MakeLine:
    def make(versions: int) -> Line:
        return Line(tracking, tmp_path, tmp_path.name, versions)

    return make
