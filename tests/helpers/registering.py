"""A category's versions in a real registry, without training: packages in a moment, and figures as a test says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from services.mlflow.decision_log import DecisionLog
from services.mlflow.judging import Examine
from services.mlflow.nights import Night
from services.mlflow.registration import Registration, register_candidate, registered
from services.mlflow.registry import Registry, Version
from services.mlflow.standing import standing
from services.mlflow.tracking import Tracking
from tests.helpers.report_files import SCORES, Made, write_category
from tocoad.data.manifest import TRAIN_FILE, ImageRecord, Manifest
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.comparison import Comparison
from tocoad.gate.records import Candidate, Evidence
from tocoad.gate.subject import rules_digest
from tocoad.metrics.names import METRIC_NAMES, MetricName
from tocoad.package.card import package_sha256
from tocoad.settings.sections import Settings
from tocoad.stages.graph import detector_dir, evaluation_dir, manifest_dir


def by_rules(**gate: float) -> Settings:
    """Without draws no figure settles anything: promoted is what is not worse as far as they tell."""
    return Settings.model_validate({"gate": {"when_unsure": "promote", **gate}})


@dataclass
class Shop:
    """A category whose packages are made in a moment; what their evaluation finds, the test says."""

    tracking: Tracking
    workspace: Workspace
    category: Category
    make_detector: Callable[[int], Path]
    settings: Settings = field(default_factory=lambda: by_rules())
    evaluation_set: str = "e"
    # By package: its figures, on whichever evaluation set it is scored.
    figures: dict[str, float] = field(default_factory=dict)
    examine: Examine = lambda *_: Evidence()
    # Of each comparison: challenger, champion, what differs in the image's AUROC, and the log's entries until then.
    shown: list[tuple[int, int, float | None, int]] = field(default_factory=list)
    # Without: there are good test images alone, and by package what the figures on made anomalies are.
    with_defects: bool = True
    made: dict[str, float] = field(default_factory=dict)
    night: Night | None = None
    # The packages of champions that were scored anew.
    met: list[str] = field(default_factory=list)

    @property
    def registry(self) -> Registry:
        return self.tracking.registry()

    @property
    def log(self) -> DecisionLog:
        return DecisionLog(self.registry, self.category.model_name)

    @property
    def package(self) -> str:
        return package_sha256(detector_dir(self.workspace, self.category, "patchcore"))

    def evaluate(self, image_AUROC: float) -> None:
        """What the stage `evaluate` leaves of the package that lies here."""
        self.figures[self.package] = image_AUROC
        folder = evaluation_dir(self.workspace, self.category, "patchcore")
        kept = detector_dir(self.workspace, self.category, "patchcore").rename(self.workspace.root / "kept")
        shutil.rmtree(self.workspace.work_dir(self.category) / "patchcore")
        scores = SCORES if self.with_defects else {"good": SCORES["good"]}
        metrics = self.metrics(image_AUROC) if self.with_defects else dict.fromkeys(METRIC_NAMES)
        made = Made(scores, metrics, resamples=0, evaluation_set=self.evaluation_set, gallery=False)
        write_category(self.workspace, self.category, "patchcore", made)
        assert (folder / "metrics.json").is_file()
        place = detector_dir(self.workspace, self.category, "patchcore")
        shutil.rmtree(place)
        kept.rename(place)

    def train(self, seed: int) -> None:
        place = detector_dir(self.workspace, self.category, "patchcore")
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        self.make_detector(seed).rename(place)

    def register(self) -> Registration:
        with self.tracking.run(self.tracking.experiment("registration"), "gear") as run:
            return register_candidate(
                self.workspace,
                self.category,
                "patchcore",
                self.settings,
                self.registry,
                run,
                self.rescore,
                self.night or Night(run.run_id),
                self.examine,
                self.show,
                self.stand_in,
            )

    def show(self, comparison: Comparison, champion: Version) -> None:
        assert comparison.champion.version == champion.version
        entries = len(self.log.read().counted)
        difference = comparison.figures[0].difference
        self.shown.append((comparison.challenger.version, champion.version, difference, entries))

    def retrain(self, seed: int, image_AUROC: float = 0.9) -> Registration:
        """What a retrain does with the package of this seed."""
        self.train(seed)
        self.evaluate(image_AUROC)
        return self.register()

    def registered(self) -> Registration | None:
        return registered(self.workspace, self.category, "patchcore", self.settings, self.registry)

    def standing(self) -> dict[str, Any]:
        log = self.log
        found = standing(log, log.settled(), self.evaluation_set, rules_digest(self.settings))
        assert found is not None
        return found

    def rescore(self, package: Path) -> Candidate:
        self.met.append(digest := package_sha256(package))
        return Candidate(metrics=self.metrics(self.figures[digest]), evaluation_set=self.evaluation_set)

    def stand_in(self, package: Path) -> Candidate:
        figure = self.made[package_sha256(package)]
        return Candidate(metrics={"image_AUROC": figure}, evaluation_set=self.evaluation_set, synthetic=True)

    def metrics(self, image_AUROC: float) -> dict[MetricName, float | None]:
        return {**dict.fromkeys(METRIC_NAMES, 0.9), "image_AUROC": image_AUROC}


def make_shop(tracking: Tracking, root: Path, make_detector: Callable[[int], Path]) -> Shop:
    """Of a category of the test's own, with one image."""
    workspace, category = Workspace(root), Category(root.name, "gear")
    image = workspace.data_dir(category) / "train" / "good" / "0.png"
    image.parent.mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(image)
    record = ImageRecord(
        path="train/good/0.png",
        sha256="0",
        md5="0",
        split="train",
        gt_label=0,
        defect_type="good",
        width=32,
        height=32,
    )
    folder = manifest_dir(workspace, category)
    folder.mkdir(parents=True)
    Manifest(dataset=category.dataset, category=category.name, images=(record,)).save(folder / TRAIN_FILE)
    return Shop(tracking, workspace, category, make_detector)
