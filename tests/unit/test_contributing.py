"""What CONTRIBUTING.md tells a newcomer to type and to look at is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_target_that_it_names_is_one_and_makes_help_knows_it() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(re.findall(r"^    .*$|`[^`]+`", TEXT, re.MULTILINE))))
    helped = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    assert {"setup", "check", "test"} <= named
    assert named <= helped


def test_every_file_and_folder_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:cli|flows|tasks|services|tocoad|tests|bench|docs|infra|\.ci)/[\w./-]*)`", TEXT))
    named -= {"docs/decisions/NNNN-title.md", "tocoad/methods/X/"}  # for names to be chosen
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
