"""What is measured of a category's versions before the gate decides, each where it can be.

Scores and times are taken where stages run, as the challenger was evaluated: on another device they are not the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from services.clean_process import Checker
from services.mlflow.package_check import registered_parity
from services.mlflow.registry import Registry, Version
from services.ray.runner import RayStages
from tocoad.evaluation.folders import TEXTURES, comparison_folders, evaluation_folders
from tocoad.evaluation.overlap import present_test_data
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.records import Candidate, Evidence, Speed
from tocoad.settings.sections import MethodName, Settings


@dataclass(frozen=True)
class Measuring:
    """Of the versions of one category, whose present detector is of `method`."""

    workspace: Workspace
    category: Category
    method: MethodName
    settings: Settings
    registry: Registry
    runner: RayStages
    checker: Checker

    def rescore(self, package: Path) -> Candidate:
        """On the present test images."""
        return cast(Candidate, self._call("champion", "workspace:rescore", self._folders(package)))

    def stand_in(self, package: Path) -> Candidate:
        """On made anomalies."""
        synthesis, folders = self.settings.synthesis, self._folders(package)
        if synthesis.texture_dir is not None and synthesis.validates_with_textures:
            # A worker has another current folder, and perhaps another disk.
            folders[TEXTURES] = self.workspace.root / synthesis.texture_dir
        return cast(Candidate, self._call("made anomalies", "stand_in:stand_in", folders))

    def examine(self, version: Version, champion: Version | None) -> Evidence:
        """A package that does not give what it should is not timed.

        Raises:
            CleanProcessError, TrackingError: nothing is known of a package.
        """
        parity = registered_parity(self.registry, version, self.checker)
        speed = None if champion is None or not parity.passed else self._duel(version, champion)
        return Evidence(parity=parity, speed=speed, data=present_test_data(self.workspace, self.category, self.method))

    def _duel(self, version: Version, champion: Version) -> Speed:
        with self.registry.package(version) as mine, self.registry.package(champion) as its:
            folders = comparison_folders(self.workspace, self.category, mine, its)
            return cast(Speed, self._call("duel", "duel:duel", folders))

    def _folders(self, package: Path) -> dict[str, Path]:
        return evaluation_folders(self.workspace, self.category, package)

    def _call(self, label: str, function: str, folders: Mapping[str, Path]) -> Any:
        settings, name = self.settings.model_dump_json(), f"tocoad.evaluation.{function}"
        return self.runner.call(f"{label} of {self.category}", name, folders, settings, compute=self.settings.compute)
