"""The verdict on a challenger."""

from __future__ import annotations

from tocoad.gate.records import Candidate, Decision, Verdict
from tocoad.gate.rules import RULES, Case
from tocoad.settings.sections import GateSettings


def decide(challenger: Candidate, champion: Candidate | None, settings: GateSettings) -> Decision:
    """Without a champion (the first version) only the floors count; later the challenger may not be worse either.

    Raises:
        ValueError: the two were not scored on the same evaluation set, or not with the same number of bootstrap draws;
            the caller scores the champion anew.
    """
    if champion is not None and champion.evaluation_set != challenger.evaluation_set:
        raise ValueError(
            f"the champion was scored on evaluation set {champion.evaluation_set[:12]}, the challenger on "
            f"{challenger.evaluation_set[:12]}: score both on the same one"
        )
    case = Case(challenger, champion, settings)
    findings = [(finding, verdict) for rule, verdict in RULES for finding in rule(case)]
    failures = [(finding, verdict) for finding, verdict in findings if not finding.passed]
    verdict: Verdict = failures[0][1] if failures else "promoted"
    reasons = [finding.reason for finding, _ in failures] + [f.reason for f, _ in findings if f.passed]
    if champion is None:
        reasons.append("there is no champion yet: a first version is judged by the floors alone")
    return Decision(
        verdict=verdict, reasons=tuple(reasons), figures={finding.name: finding.figures for finding, _ in findings}
    )
