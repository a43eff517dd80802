"""A version is judged until the log of decisions has a verdict on it: whoever was faster is met in the next round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from services.mlflow.decision_log import DecisionLog, DecisionLogError
from services.mlflow.registry import PACKAGE_TAG, STATUS_TAG, Registry, Version
from tocoad.errors import StageError, first_line
from tocoad.gate.case import Case
from tocoad.gate.comparison import Comparison, Contestant, side_by_side
from tocoad.gate.decide import decide, judge_champion
from tocoad.gate.log import Entry, History
from tocoad.gate.records import Candidate, Decision, Evidence
from tocoad.gate.subject import Subject
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.sections import GateSettings

REASONS_TAG, METHOD_TAG = "reasons", "method"
EVALUATION_SET_TAG, RULES_TAG = "evaluation_set", "rules"
# What STATUS_TAG was called before.
_VERDICT_TAG = "verdict"
# How often others may be faster before it is told.
_LOSSES = 50
# So many former champions are scored anew, the last first, where the present one is below a floor.
_WAYS_BACK = 5

Rescore = Callable[[Path], Candidate]
"""Scores a detector package on the category's present evaluation set, or on what stands in for defective images."""
Examine = Callable[[Version, Version | None], Evidence]
"""Looks at what figures do not tell of a version, and beside the champion; before it is promoted."""
Show = Callable[[Comparison, Version], None]
"""Keeps for a person how a version compares with the champion, whose version is the second; before the verdict."""


@dataclass
class Judging:
    """Of `version`, which is `subject`. `scores` are figures on the present evaluation set by package, its own among
    them. `stand_in` scores a package on made anomalies, where no test image is defective; None: nothing stands in.
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
    stand_in: Rescore | None = None
    _evidence: dict[int | None, Evidence] = field(default_factory=dict, init=False)
    _stood_in: dict[str, Candidate] = field(default_factory=dict, init=False)

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
                    self._score(champion)
                    continue
                if judged is None:
                    self._judge_champion(history, champion, about)
                    continue
                # Now, and not at the end: it may be champion no longer then.
                mirror(self.registry, champion, judged)
            if known is not None:
                return known
            decision = self._verdict(history, champion)
            new = self.version.version if decision.verdict == "promoted" else history.champion
            self._enter("judge", history, self.version, self.subject, decision, new)
        raise DecisionLogError(f"{self.log.name}: others moved its champion {_LOSSES} times meanwhile: run again")

    def _known(self, history: History) -> Entry | None:
        """Not the word on a version that is gone from the registry."""
        entry = history.verdict(self.subject)
        return None if entry is None or judged_version(self.registry, self.log.name, entry) is None else entry

    def _judge_champion(self, history: History, champion: Version, about: Subject) -> None:
        """One that is below a floor now goes, where the settings want it so and a version before it holds them all."""
        decision = judge_champion(self.scores[about.package], self.settings)
        if decision.verdict != "rejected" or self.settings.below_floor == "keep":
            self._enter("judge", history, champion, about, decision, history.champion)
            return
        back, others = self._that_holds(history)
        if back is None:
            note = "it stays champion: no version before it is known to hold the floors"
            reasons = (*decision.reasons, f"{note} ({'; '.join(others)})" if others else note)
            decision = decision.model_copy(update={"reasons": reasons})
            self._enter("judge", history, champion, about, decision, history.champion)
            return
        reason = f"{decision.reasons[0]}; version {back.version} holds the floors (gate.below_floor: rollback)"
        # One entry: a run that ends between two would leave a verdict, and nobody would look for the way back again.
        of = {"reason": reason, "package": self._about(back).package}
        mirror(self.registry, champion, self._enter("rollback", history, champion, about, decision, back.version, **of))

    def _that_holds(self, history: History) -> tuple[Version | None, list[str]]:
        """The last version that was champion before, was not taken down and holds every floor on the present evaluation
        set, as its package is now; and what those after it are like.
        """
        there = {version.version: version for version in self.registry.versions(self.log.name)}
        others = []
        for number in history.ways_back(there)[:_WAYS_BACK]:
            version = there[number]
            try:
                found = judge_champion(self._score(version), self.settings)
                parity = self.examine(version, None).parity
            except StageError as error:
                others.append(f"version {number}: {first_line(error)}")
                continue
            if found.verdict == "promoted" and (parity is None or parity.passed):
                return version, others
            fault = found.reasons[0] if parity is None or parity.passed else parity.reason
            others.append(f"version {number}: {fault}")
        return None, others

    def _verdict(self, history: History, champion: Version | None) -> Decision:
        """What a person took down only a person brings back, though the same bytes may be trained again."""
        against = None if champion is None else champion.version
        if against not in self._evidence:
            self._evidence[against] = self.examine(self.version, champion)
            if champion is not None:
                self.show(self._beside(champion), champion)
        evidence = self._evidence[against]
        if champion is not None and evidence.data is not None:
            before = history.images_at_first(champion.version)
            evidence = evidence.model_copy(update={"data": evidence.data.model_copy(update={"before": before})})
        met = None if champion is None else self._shown(champion)
        decision = decide(Case(self._shown(self.version), met, self.settings, evidence))
        why = history.taken_down.get(self.version.version)
        if why is None or decision.verdict not in ("promoted", "waiting"):
            return decision
        number = self.version.version
        reason = f"version {number} was rolled back ({why}): only tocoad promote makes it champion again"
        return decision.model_copy(update={"verdict": "kept", "reasons": (reason, *decision.reasons)})

    def _shown(self, version: Version) -> Candidate:
        """As the gate is to see it. Its own figures, without what stands in, are what the log keeps."""
        own, tested = self._score(version), self.scores[self.subject.package].images
        if self.stand_in is None or any(image.gt_label for image in tested):
            return own
        package = self._about(version).package
        if package not in self._stood_in:
            made = self._read(version, self.stand_in)
            self._stood_in[package] = made.model_copy(update={"images": own.images})
        return self._stood_in[package]

    def _enter(
        self,
        action: Literal["judge", "rollback"],
        history: History,
        version: Version,
        about: Subject,
        decision: Decision,
        new: int | None,
        **more: str,
    ) -> Entry:
        entry = self.log.entry(
            action,
            history,
            new,
            version=version.version,
            subject=about,
            decision=decision,
            metrics=dict(self.scores[about.package].metrics),
            images=dict(Counter(image.defect_type for image in self.scores[about.package].images)),
            run_id=self.run_id,
            **more,
        )
        self.log.append(entry)
        return entry

    def _beside(self, champion: Version) -> Comparison:
        new, old = (
            Contestant(version=version.version, method=about.method, package=about.package)
            for version, about in ((self.version, self.subject), (champion, self._about(champion)))
        )
        return side_by_side(self._shown(self.version), self._shown(champion), new, old)

    def _about(self, version: Version) -> Subject:
        return self.subject if version.version == self.version.version else about_other(version, self.subject)

    def _score(self, version: Version) -> Candidate:
        package = self._about(version).package
        if package not in self.scores:
            self.scores[package] = self._read(version, self.rescore)
        return self.scores[package]

    def _read(self, version: Version, score: Rescore) -> Candidate:
        with self.registry.package(version) as package:
            scored = score(package)
        if scored.evaluation_set != self.subject.evaluation_set:
            raise StageError(f"the test images of {version.name} changed while it was judged: run again")
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
    said |= {REASONS_TAG: "\n".join(entry.decision.reasons), STATUS_TAG: entry.decision.verdict}
    for name in (*METRIC_NAMES, _VERDICT_TAG):
        if name not in said:
            registry.remove_tag(version, name)
    registry.set_tags(version, {key: value for key, value in said.items() if version.tags.get(key) != value})
