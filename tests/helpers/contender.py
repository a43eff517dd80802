"""A process that promotes at the same moment as another one does: by the gate, or as a person."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

PATIENCE = 120
PERSONS = 4
"""In every round of this number it is two persons who promote."""


@dataclass(frozen=True)
class Contender:
    """`name` and `dataset` are what it is and about whose category `gear` it fights."""

    name: str
    uri: str
    dataset: str
    run_id: str
    rounds: int
    own: Path
    shared: Path

    def figure(self, number: int) -> float:
        """Of its version of the round: better than every one before, and better than the other's in every other."""
        return round(0.6 + 0.01 * number + (0.005 if (number % 2 == 0) == (self.name == "a") else 0.0), 4)


def contend(me: Contender, barrier: Barrier, results: Any) -> None:
    """Answers with what became of each round: the verdict, or what a person was told."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        results.put((me.name, _rounds(me, barrier)))
    except BaseException as error:
        barrier.abort()
        results.put((me.name, repr(error)))
        raise


def _rounds(me: Contender, barrier: Barrier) -> list[str]:
    from services.mlflow import ledger
    from services.mlflow.calls import connect
    from services.mlflow.decision_log import DecisionLog
    from services.mlflow.entering import PromotionError
    from services.mlflow.judging import Judging
    from services.mlflow.promotion import carry_out, plan_promotion
    from services.mlflow.registry import Registry
    from tocoad.files.workspace import Category, Workspace
    from tocoad.gate.records import Candidate, Evidence
    from tocoad.gate.subject import Subject
    from tocoad.settings.sections import GateSettings

    category = Category(me.dataset, "gear")
    registry = Registry(connect(me.uri))
    log = DecisionLog(registry, category.model_name)
    settings = GateSettings(margin=0.0, metrics=("image_AUROC",), when_unsure="promote")

    def scored(figure: float) -> Candidate:
        return Candidate(metrics={"image_AUROC": figure}, evaluation_set="e")

    def read(package: Path) -> Candidate:
        return scored(float((package / "figure.txt").read_text()))

    said = []
    for number in range(me.rounds):
        package, figure = f"{me.name}-{number}", me.figure(number)
        version = registry.version(category.model_name, _register(me, registry, package, figure))
        workspace = Workspace(me.shared if number % 2 else me.own)
        if number % PERSONS == PERSONS - 1:
            planned = plan_promotion(registry, me.dataset, "gear", version.version)
            barrier.wait(PATIENCE)
            try:
                carry_out(workspace, registry, planned)
                said.append("promoted")
            except PromotionError as error:
                said.append(str(error))
        else:
            subject = Subject(method="tocoad", package=package, evaluation_set="e", rules="r")
            scores = {package: scored(figure)}
            judging = Judging(registry, log, settings, me.run_id, read, lambda *_: Evidence(), version, subject, scores)
            barrier.wait(PATIENCE)
            decision = judging.settle().decision
            ledger.copy(workspace, category, log.settled())
            assert decision is not None
            said.append(decision.verdict)
        barrier.wait(PATIENCE)  # both are done
        barrier.wait(PATIENCE)  # it was looked at
    return said


def _register(me: Contender, registry: Any, package: str, figure: float) -> int:
    """A version whose package is one file with its figure."""
    client = registry.client
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "figure.txt"
        file.write_text(str(figure))
        client.log_artifact(me.run_id, str(file), f"{package}/artifacts/detector")
    source = f"{client.get_run(me.run_id).info.artifact_uri}/{package}"
    tags = {"package_sha256": package, "method": "tocoad"}
    return int(client.create_model_version(f"{me.dataset}.gear", source, me.run_id, tags).version)
