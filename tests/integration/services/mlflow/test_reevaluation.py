"""A champion judged anew though nothing was trained, in a real registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from services.clean_process import CleanProcess
from services.mlflow.decision_log import DecisionLog
from services.mlflow.judging import METHOD_TAG
from services.mlflow.package_check import BrokenPackageError, registered_parity
from services.mlflow.reevaluation import Reevaluation, reevaluate_champion
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from services.mlflow.run import Run
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.parity import Parity
from tocoad.gate.records import Candidate
from tocoad.metrics.names import METRIC_NAMES
from tocoad.package.card import package_sha256
from tocoad.settings.sections import Settings

pytestmark = pytest.mark.integration


@dataclass
class Line:
    """A category whose versions are made in a moment, each with one figure on every image. `scored` are those that were
    scored, `meanwhile` is what happens during that.
    """

    workspace: Workspace
    category: Category
    registry: Registry
    run: Run
    make_detector: Callable[[int], Path]
    settings: Settings = field(default_factory=Settings)
    figures: dict[str, float] = field(default_factory=dict)
    scored: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    parity: Callable[[Version], Parity] = lambda _: Parity()

    @property
    def log(self) -> DecisionLog:
        return DecisionLog(self.registry, self.category.model_name)

    def put_in_force(self, seed: int, figure: float, package: str | None = None) -> int:
        """By a person's word."""
        folder = self.make_detector(seed)
        digest = package or package_sha256(folder)
        self.figures[package_sha256(folder)] = figure
        tags = {PACKAGE_TAG: digest, METHOD_TAG: "patchcore"}
        name, example = self.category.model_name, np.zeros((32, 32, 3), np.uint8)
        version = self.registry.register(name, self.run, folder, example, tags).version
        self.log.append(self.log.entry("promote", self.log.settled(), version))
        self.log.settled()
        return version

    def reevaluate(self, evaluation_set: str) -> Reevaluation | None:
        def rescore(package: Path) -> Candidate:
            self.scored.append(digest := package_sha256(package))
            self.meanwhile()
            figures = {**dict.fromkeys(METRIC_NAMES, 0.9), "image_AUROC": self.figures[digest]}
            return Candidate(metrics=figures, evaluation_set=evaluation_set)

        return reevaluate_champion(
            self.workspace,
            self.category,
            self.settings,
            self.registry,
            evaluation_set,
            lambda: self.run,
            rescore,
            lambda version: self.parity(version),
        )


@pytest.fixture
def line(tracking: Tracking, tmp_path: Path, make_detector: Callable[[int], Path]) -> Line:
    run = tracking.start(tracking.experiment("reevaluation"), "gear")
    category = Category(tmp_path.name, "gear")
    return Line(Workspace(tmp_path), category, tracking.registry(), run, make_detector)


def test_a_champion_is_judged_where_its_test_images_are_others_and_once(line: Line) -> None:
    assert line.reevaluate("first") is None, "there is none yet"
    line.put_in_force(1, 0.9)
    found = line.reevaluate("first")
    assert found is not None and (found.version, found.verdict, found.anew) == (1, "promoted", True)
    assert found.reasons[0] == "it is champion, and was judged anew by the floors alone"
    again = line.reevaluate("first")
    assert again is not None and (again.verdict, again.anew, again.metrics) == ("promoted", False, found.metrics)
    assert len(line.scored) == 1


def test_a_champion_below_a_floor_on_new_images_is_told_of_and_stays(line: Line) -> None:
    line.put_in_force(1, 0.3)
    found = line.reevaluate("first")
    assert found is not None and (found.verdict, found.aliases) == ("rejected", ("champion",))
    assert found.reasons[0] == "image_AUROC 0.3000 is below the floor 0.6"
    assert line.log.read().champion == 1
    verdict = line.log.read().verdict_on(1, "first")
    assert verdict is not None and verdict.metrics["image_AUROC"] == 0.3 and verdict.run_id == line.run.run_id


def test_a_champion_below_a_floor_makes_way_where_the_settings_want_it_so(line: Line) -> None:
    line.settings = Settings.model_validate({"gate": {"below_floor": "rollback"}})
    line.put_in_force(1, 0.9)
    line.put_in_force(2, 0.3)
    found = line.reevaluate("first")
    assert found is not None and (found.version, found.verdict, found.anew) == (1, "promoted", True)
    assert len(found.moved) == 1 and "image_AUROC 0.3000 is below the floor 0.6; version 1 holds" in found.moved[0]
    assert line.registry.aliases(line.category.model_name)["champion"] == 1
    again = line.reevaluate("first")
    assert again is not None and (again.version, again.anew, again.moved) == (1, False, ())


def test_one_that_loses_its_place_meanwhile_does_not_win_it_back(line: Line) -> None:
    line.put_in_force(1, 0.9)

    def another_takes_over() -> None:
        line.meanwhile = lambda: None
        line.put_in_force(2, 0.8)

    line.meanwhile = another_takes_over
    found = line.reevaluate("first")
    assert found is not None and (found.version, found.verdict, found.anew) == (2, "promoted", True)
    assert [move.partition(": ")[2].partition(" (")[0] for move in found.moved] == [
        "promote to version 2, in place of version 1"
    ]
    assert line.log.settled().champion == 2
    assert line.log.read().verdict_on(1) is None


def test_a_champion_whose_package_was_altered_is_told_of_and_not_judged(line: Line) -> None:
    line.put_in_force(1, 0.9, package="another")
    with CleanProcess() as process:
        line.parity = lambda version: registered_parity(line.registry, version, process)
        with pytest.raises(
            BrokenPackageError, match="version 1: parity: its package is not the one that was registered"
        ):
            line.reevaluate("first")
    assert line.scored == [] and line.log.read().verdict_on(1) is None
