"""The verdict on a challenger, and on a champion whose evaluation set or rules are others than when it was judged."""

from __future__ import annotations

from collections.abc import Sequence

from tocoad.gate.case import Case, Rule
from tocoad.gate.finding import Finding, Outcome
from tocoad.gate.records import Candidate, Decision, Verdict
from tocoad.gate.rules.non_regression import AGAINST_CHAMPION
from tocoad.gate.rules.table import FLOORS, RULES
from tocoad.settings.sections import GateSettings

ASKED = "a person is to say: tocoad approve"
_ALONE = "there is no champion yet: a first version is judged by what any version has to hold"


def decide(case: Case) -> Decision:
    """Without a champion (the first version) only what any version has to hold counts; later the challenger may not be
    worse either. A rule that failed decides, the first of them; where there is no champion to be kept, the version is
    rejected. Where none failed and one cannot tell, the owner's choice decides (`gate.when_unsure`, `gate.approval`).

    Raises:
        ValueError: the two were not scored on the same evaluation set, or not with the same number of bootstrap draws;
            the caller scores the champion anew.
    """
    challenger, champion = case.challenger, case.champion
    if champion is not None and champion.evaluation_set != challenger.evaluation_set:
        raise ValueError(
            f"the champion was scored on evaluation set {champion.evaluation_set[:12]}, the challenger on "
            f"{challenger.evaluation_set[:12]}: score both on the same one"
        )
    found = _found(case, RULES)
    if champion is None:
        found = [(finding, "rejected") for finding, _ in found]
    verdict, why = _without_failure(case.settings, [finding for finding, _ in found])
    return _decision(found, verdict, [*why, _ALONE] if champion is None else why)


def judge_champion(champion: Candidate, settings: GateSettings) -> Decision:
    """The floors' word on the version in force. `rejected` says that it is below one; what follows is for
    `gate.below_floor` to say.
    """
    note = "it is champion, and was judged anew by the floors alone"
    return _decision(_found(Case(champion, None, settings), FLOORS), "promoted", [note])


def _without_failure(settings: GateSettings, findings: Sequence[Finding]) -> tuple[Verdict, list[str]]:
    """The verdict where no rule failed, and the sentences that it needs."""
    unsure = any(finding.outcome == "unsure" for finding in findings)
    if settings.approval == "required" or (unsure and settings.approval == "when_unsure"):
        return "waiting", []
    if unsure and settings.when_unsure == "keep":
        return "kept", ["the test images are too few to tell, and gate.when_unsure is keep"]
    return "promoted", ["the test images are too few to tell, and gate.when_unsure is promote"] if unsure else []


def _found(case: Case, rules: Sequence[tuple[Rule, Verdict]]) -> list[tuple[Finding, Verdict]]:
    return [(finding, verdict) for rule, verdict in rules for finding in rule(case)]


def _decision(found: Sequence[tuple[Finding, Verdict]], without_failure: Verdict, notes: Sequence[str]) -> Decision:
    """Reasons, what decided first: that a person is asked, what failed, what cannot be told, the notes, what passed,
    the comparison with the champion before the rest, and what does not apply.
    """
    failures = [(finding, verdict) for finding, verdict in found if finding.outcome == "failed"]
    verdict = failures[0][1] if failures else without_failure
    findings = tuple(finding for finding, _ in found)
    asked = (ASKED,) if verdict == "waiting" else ()
    against, holds = _reasons(findings, "failed", "unsure"), _reasons(findings, "passed", "not applicable")
    return Decision(verdict=verdict, reasons=(*asked, *against, *notes, *holds), findings=findings)


def _reasons(findings: Sequence[Finding], *outcomes: Outcome) -> list[str]:
    def rank(finding: Finding) -> tuple[int, bool]:
        return outcomes.index(finding.outcome), finding.outcome == "passed" and AGAINST_CHAMPION not in finding.name

    return [finding.reason for finding in sorted((f for f in findings if f.outcome in outcomes), key=rank)]
