"""The verdict on a challenger, and on a champion whose evaluation set or rules are others than when it was judged."""

from __future__ import annotations

from collections.abc import Sequence

from tocoad.gate.records import Candidate, Decision, Verdict
from tocoad.gate.rules import RULES, Case, Finding
from tocoad.settings.sections import GateSettings


def decide(
    challenger: Candidate, champion: Candidate | None, settings: GateSettings, checks: Sequence[Finding] = ()
) -> Decision:
    """Without a champion (the first version) only the floors count; later the challenger may not be worse either.

    `checks` are findings of what the figures do not tell (does the package give the scores that were judged?), made by
    whoever can run it. They come before the rules: one that failed rejects.

    Raises:
        ValueError: the two were not scored on the same evaluation set, or not with the same number of bootstrap draws;
            the caller scores the champion anew.
    """
    if champion is not None and champion.evaluation_set != challenger.evaluation_set:
        raise ValueError(
            f"the champion was scored on evaluation set {champion.evaluation_set[:12]}, the challenger on "
            f"{challenger.evaluation_set[:12]}: score both on the same one"
        )
    alone = "there is no champion yet: a first version is judged by the floors alone"
    return _decision(Case(challenger, champion, settings), checks, None if champion is not None else alone)


def judge_champion(champion: Candidate, settings: GateSettings) -> Decision:
    """The floors' word on the version in force. `rejected` takes nobody down: something has to run, and who decides
    that nothing better is there is a person.
    """
    note = "it is champion, and was judged anew by the floors alone"
    return _decision(Case(champion, None, settings), (), note)


def _decision(case: Case, checks: Sequence[Finding], note: str | None) -> Decision:
    found: list[tuple[Finding, Verdict]] = [(finding, "rejected") for finding in checks]
    found += [(finding, verdict) for rule, verdict in RULES for finding in rule(case)]
    failures = [(finding, verdict) for finding, verdict in found if not finding.passed]
    reasons = [finding.reason for finding, _ in failures] + [f.reason for f, _ in found if f.passed]
    return Decision(
        verdict=failures[0][1] if failures else "promoted",
        reasons=(*reasons, note) if note is not None else tuple(reasons),
        figures={finding.name: finding.figures for finding, _ in found},
    )
