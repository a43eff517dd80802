"""The parity of packages as nodes see it, each with a clean process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from services.ray.runner import RayStages
from tocoad.gate.parity import Parity


class OnNodes:
    """As `services.clean_process.CleanProcess`, wherever the workers are."""

    def __init__(self, runner: RayStages) -> None:
        self._runner = runner

    def parity(self, folder: Path) -> Parity:
        answer = self._runner.call("parity of a package", "services.clean_process:parity_here", {"package": folder})
        return cast(Parity, answer)
