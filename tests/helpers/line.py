"""A category whose versions are numbers without packages: what the gate and persons do with them is real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.mlflow import ledger
from services.mlflow.approval import Answer, answer, plan_answer
from services.mlflow.decision_log import DecisionLog
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Workspace
from tocoad.gate.decide import ASKED
from tocoad.gate.finding import Finding
from tocoad.gate.records import Decision
from tocoad.gate.subject import Subject
from tocoad.settings.sections import GateSettings

SUBJECT = Subject(method="tocoad", package="p", evaluation_set="e", rules="r")


class Line:
    """Versions 1 to n of a category of the test's own, made without packages, and what a person does with them."""

    def __init__(self, tracking: Tracking, root: Path, dataset: str, versions: int) -> None:
        self.client = client = tracking.client
        self.registry = Registry(client)
        self.workspace = Workspace(root)
        self.dataset = dataset
        self.name = f"{dataset}.gear"
        client.create_registered_model(self.name)
        with tracking.run(tracking.experiment("promotion"), "gear") as run:
            self._run_id = run.run_id
        for _ in range(versions):
            self.train()
        self.log = DecisionLog(self.registry, self.name)
        self.gate = GateSettings()

    def train(self) -> None:
        """One version more."""
        source = self.client.get_run(self._run_id).info.artifact_uri
        self.client.create_model_version(self.name, source, self._run_id)

    def promote(self, number: int | None = None, reason: str | None = None) -> list[str]:
        move = plan_promotion(self.registry, self.dataset, "gear", number, reason)
        return carry_out(self.workspace, self.registry, move)

    def rollback(self, reason: str = "bad") -> list[str]:
        return carry_out(self.workspace, self.registry, plan_rollback(self.registry, self.dataset, "gear", reason))

    def gate_promotes(self, number: int) -> None:
        self._judge(number, Decision(verdict="promoted", reasons=("better",)), SUBJECT)

    def gate_keeps(self, number: int, *reasons: str) -> None:
        self._judge(number, Decision(verdict="kept", reasons=reasons), SUBJECT)

    def gate_asks(self, number: int) -> Subject:
        """What the verdict, which waits for a person, is about."""
        subject = SUBJECT.model_copy(update={"package": f"p{number}"})
        found = Finding(name="image_AUROC against champion", outcome="unsure", reason="too few images")
        decision = Decision(verdict="waiting", reasons=(found.reason, ASKED), findings=(found,))
        self._judge(number, decision, subject)
        return subject

    def _judge(self, number: int, decision: Decision, subject: Subject) -> None:
        history = self.log.settled()
        new = number if decision.verdict == "promoted" else history.champion
        what = {"version": number, "subject": subject, "decision": decision, "metrics": {"image_AUROC": 0.9}}
        self.log.append(self.log.entry("judge", history, new, **what))
        self.log.settled()

    def plan(self, approved: bool, reason: str = "I looked", by: str | None = None) -> Answer:
        return plan_answer(self.registry, self.dataset, "gear", self.gate, approved, reason, by)

    def answer(self, approved: bool, reason: str = "I looked") -> list[str]:
        return answer(self.workspace, self.registry, self.plan(approved, reason))

    @property
    def aliases(self) -> dict[str, int]:
        return {alias: int(number) for alias, number in self.client.get_registered_model(self.name).aliases.items()}

    def tags(self, number: int) -> dict[str, str]:
        return dict(self.registry.version(self.name, number).tags)

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """A person's moves alone."""
        return [entry for entry in ledger.entries(self.workspace, self.dataset) if "action" in entry]


MakeLine = Callable[[int], Line]
