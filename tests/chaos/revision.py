"""Of which code results are."""

from __future__ import annotations

import subprocess

from tests.chaos.workshop import PROJECT


def revision() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "an unknown revision"
