"""What became of a retrain: by category, and as the document that it ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.result import Question, Status, category_entry
from tasks.register import Registration
from tocoad.errors import StageError, error_line
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.plan import Plan
from tocoad.stages.graph import Job


@dataclass
class Outcome:
    """Filled in as the retrain goes on; at any moment it makes a whole document.

    `errors` are the categories' own, one line each; `unregistered` those among them that only the registry kept from
    being complete. `judged` are those that the gate spoke of in this run. `fault` is what ended the whole.
    `questions` are the versions that wait for a person: until when, and the page to answer on. `warnings` are what went
    wrong beside the work and changed nothing. `push` is None where nothing was to be pushed.
    `tells`: the flow has begun, and tells at its end what became of it.
    """

    workspace: Workspace
    dataset: str
    categories: Sequence[Category]
    plan: Plan
    work: Mapping[Category, Sequence[Job]] = field(default_factory=dict)
    errors: dict[Category, str] = field(default_factory=dict)
    unregistered: set[Category] = field(default_factory=set)
    registrations: dict[Category, Registration] = field(default_factory=dict)
    judged: set[Category] = field(default_factory=set)
    questions: dict[Category, Question] = field(default_factory=dict)
    report: str | None = None
    push: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)
    fault: Exception | None = None
    tells: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it is known of every category what became of it."""
        return all(category in self.registrations or category in self.errors for category in self.categories)

    def fail(self, error: Exception) -> None:
        """An error that is no category's own ends every category that is not complete and has none yet."""
        self.fault = error
        for category in self.categories:
            if category not in self.registrations:
                self.errors.setdefault(category, error_line(error))

    def document(self, run: str | None, seconds: float) -> dict[str, Any]:
        """The document of `tocoad retrain --json`."""
        entries = {category.name: self._entry(category) for category in self.categories}
        first = next((f"{category.name}: {error}" for category, error in self.errors.items()), None)
        return {
            "dataset": self.dataset,
            "run": run,
            "seconds": round(seconds, 1),
            "report": self.report,
            "push": self.push,
            "error": error_line(self.fault) if self.fault else first,
            "warnings": self.warnings,
            "categories": entries,
        }

    def _entry(self, category: Category) -> dict[str, Any]:
        try:
            return self._read_entry(category)
        except (StageError, OSError) as error:
            # What was to be read of a complete category is damaged, or gone.
            self.errors[category] = error_line(error)
            self.unregistered.discard(category)
            return self._read_entry(category)

    def _read_entry(self, category: Category) -> dict[str, Any]:
        error = self.errors.get(category)
        status: Status = "trained" if self.work.get(category) else "up-to-date"
        if error is not None:
            status = "unregistered" if category in self.unregistered else "failed"
        registration = self.registrations.get(category)
        return category_entry(
            self.workspace,
            category,
            self.plan.method(category),
            status,
            error,
            registration,
            judged_anew=category in self.judged,
            question=self.questions.get(category),
        )
