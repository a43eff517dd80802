"""Every method's folder says what it is, with its stages and results as they are now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.stages.declaration import Method
from tocoad.study.readme import readmes, written


@pytest.mark.parametrize(("file", "methods"), readmes().items(), ids=lambda value: getattr(value, "parent", value))
def test_the_readme_of_a_method_tells_its_stages_and_results(file: Path, methods: list[Method]) -> None:
    text = file.read_text()
    assert text == written(text, methods), "run python -m tocoad.study.readme"
    for method in methods:
        assert f"**{method.name}**, stage by stage:" in text
    assert "| patchcore" in text
