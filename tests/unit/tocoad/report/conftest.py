from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.files.workspace import Category, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def bolt() -> Category:
    return Category("toys", "bolt")
