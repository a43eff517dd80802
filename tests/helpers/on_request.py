"""Tests that take minutes: no part of `make test`, run by a command of their own."""

from __future__ import annotations

import os

import pytest
from skip_report import reason


def on_request(command: str) -> pytest.MarkDecorator:
    """Skipped unless `make test-COMMAND` asks for them."""
    asked = f"TOCOAD_TEST_{command.upper()}" in os.environ
    return pytest.mark.skipif(not asked, reason=reason("it takes minutes", f"make test-{command}"))
