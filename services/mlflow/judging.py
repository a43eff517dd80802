"""A version is judged until the log of decisions has a verdict on it: whoever was faster is met in the next round."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from tocoad.errors import StageError
from tocoad.gate.case import Case
from tocoad.gate.comparison import Comparison, Contestant, side_by_side
from tocoad.gate.decide import decide, judge_champion
from tocoad.gate.log import Entry, History
from tocoad.gate.records import Candidate, Decision, Evidence
from tocoad.gate.subject import Subject
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.sections import GateSettings

VERDICT_TAG, REASONS_TAG, METHOD_TAG = "verdict", "reasons", "method"
EVALUATION_SET_TAG, RULES_TAG = "evaluation_set", "rules"
# How often others may be faster before it is told.
_LOSSES = 50

Rescore = Callable[[Path], Candidate]
"""Scores a detector package on the category's present evaluation set."""
Examine = Callable[[Version, Version | None], Evidence]
"""Looks at what figures do not tell of a version, and beside the champion; before it is promoted."""
Show = Callable[[Comparison, Version], None]
"""Keeps for a person how a version compares with the champion, whose version is the second; before the verdict."""


@dataclass
class Judging:
    """Of `version`, which is `subject`. `scores` are figures on the present evaluation set by package, its own among
    them.
    """

    registry: Registry
    log: DecisionLog
    settings: GateSettings
    run_id: str
    rescore: Rescore
    examine: Examine
    version: Version
    subject: Subject
    scores: dict[str, Candidate]
    show: Show = lambda *_: None
    _evidence: dict[int | None, Evidence] = field(default_factory=dict, init=False)

    def settle(self) -> Entry:
        """The verdict that counts. The champion in force then has one too, on the same images by the same rules.

        Raises:
            DecisionLogError: the log cannot be read, or the champion's version is gone.
            StageError: the test images are others than those that the version was evaluated on.
        """
        for _ in range(_LOSSES):
            history = self.log.settled()
            champion, known = self.log.champion(history), self._known(history)
            if champion is not None:
                about = self._about(champion)
                judged = history.verdict(about)
                if about.package not in self.scores and None in (judged, known):
                    # It takes a while, in which others may move the champion: what holds is read again.
                    self.scores[about.package] = self._scored(champion)
                    continue
                if judged is None:
                    decision = judge_champion(self.scores[about.package], self.settings)
                    self._enter(history, champion, about, decision)
                    continue
                # Now, and not at the end: it may be champion no longer then.
                mirror(self.registry, champion, judged)
            if known is not None:
                return known
            self._enter(history, self.version, self.subject, self._verdict(history, champion))
        raise DecisionLogError(f"{self.log.name}: others moved its champion {_LOSSES} times meanwhile: run again")

    def _known(self, history: History) -> Entry | None:
        """Not the word on a version that is gone from the registry."""
        entry = history.verdict(self.subject)
        return None if entry is None or judged_version(self.registry, self.log.name, entry) is None else entry

    def _verdict(self, history: History, champion: Version | None) -> Decision:
        """What a person took down only a person brings back, though the same bytes may be trained again."""
        against = None if champion is None else champion.version
        met = None if champion is None else self.scores[self._about(champion).package]
        if against not in self._evidence:
            self._evidence[against] = self.examine(self.version, champion)
            if champion is not None and met is not None:
                self.show(self._beside(champion, met), champion)
        case = Case(self.scores[self.subject.package], met, self.settings, self._evidence[against])
        decision = decide(case)
        why = history.taken_down.get(self.version.version)
        if why is None or decision.verdict != "promoted":
            return decision
        number = self.version.version
        reason = f"version {number} was rolled back ({why}): only tocoad promote makes it champion again"
        return decision.model_copy(update={"verdict": "kept", "reasons": (reason, *decision.reasons)})

    def _enter(self, history: History, version: Version, about: Subject, decision: Decision) -> None:
        promoted = decision.verdict == "promoted"
        entry = self.log.entry(
            "judge",
            history,
            version.version if promoted else history.champion,
            version=version.version,
            subject=about,
            decision=decision,
            metrics=dict(self.scores[about.package].metrics),
            images=dict(Counter(image.defect_type for image in self.scores[about.package].images)),
            run_id=self.run_id,
        )
        self.log.append(entry)

    def _beside(self, champion: Version, met: Candidate) -> Comparison:
        new, old = (
            Contestant(version=version.version, method=about.method, package=about.package)
            for version, about in ((self.version, self.subject), (champion, self._about(champion)))
        )
        return side_by_side(self.scores[self.subject.package], met, new, old)

    def _about(self, champion: Version) -> Subject:
        return self.subject if champion.version == self.version.version else about_other(champion, self.subject)

    def _scored(self, champion: Version) -> Candidate:
        with tempfile.TemporaryDirectory(prefix="tocoad-champion-") as scratch:
            scored = self.rescore(self.registry.download(champion, Path(scratch)))
        if scored.evaluation_set != self.subject.evaluation_set:
            raise StageError(f"the test images of {champion.name} changed while it was judged: run again")
        return scored


def about_other(version: Version, subject: Subject) -> Subject:
    """What a verdict on another version is about, by the same rules on the same evaluation set."""
    package = version.tags.get(PACKAGE_TAG, version.uri)
    return subject.model_copy(update={"package": package, "method": version.tags.get(METHOD_TAG, "")})


def judged_version(registry: Registry, name: str, entry: Entry) -> Version | None:
    """None where it is gone from the registry."""
    return None if entry.version is None else registry.get(name, entry.version)


def mirror(registry: Registry, version: Version, entry: Entry) -> None:
    """The version's tags say what the verdict on it says, for who looks at MLflow's pages."""
    assert entry.subject is not None and entry.decision is not None
    said = {EVALUATION_SET_TAG: entry.subject.evaluation_set, RULES_TAG: entry.subject.rules}
    said |= {name: str(value) for name, value in entry.metrics.items() if value is not None}
    said |= {REASONS_TAG: "\n".join(entry.decision.reasons), VERDICT_TAG: entry.decision.verdict}
    for name in METRIC_NAMES:
        if name not in said:
            registry.remove_tag(version, name)
    registry.set_tags(version, {key: value for key, value in said.items() if version.tags.get(key) != value})
