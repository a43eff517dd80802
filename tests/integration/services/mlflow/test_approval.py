"""A version waits for a person, in a real registry: who answers, what is written where, and what nobody answers."""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from services.mlflow.approval import answer, expired, open_question
from services.mlflow.decision_log import told
from services.mlflow.entering import PromotionError
from services.mlflow.standing import standing
from services.mlflow.tracking import Tracking
from tests.helpers.line import Line
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category
from tocoad.settings.sections import GateSettings

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("services", ["local"], indirect=True)]

AT_ONCE = GateSettings(approval_hours=1e-9)


@pytest.fixture
def line(tracking: Tracking, tmp_path: Path) -> Line:
    """Version 1 is champion."""
    line = Line(tracking, tmp_path, tmp_path.name, 4)
    line.gate_promotes(1)
    return line


def test_what_a_person_approves_is_champion_with_who_and_why_in_the_log(line: Line) -> None:
    subject = line.gate_asks(2)
    assert line.aliases["champion"] == 1
    assert line.answer(True, "catches  the new\nscratches") == []
    assert line.aliases == {"champion": 2, "previous": 1}
    verdict = line.log.read().verdict(subject)
    assert verdict is not None and verdict.decision is not None
    assert (verdict.action, verdict.by, verdict.package) == ("approve", getpass.getuser(), "p2")
    assert (verdict.old, verdict.new, verdict.reason) == (1, 2, "catches the new scratches")
    assert verdict.decision.reasons == ("a person approved it: catches the new scratches", "too few images")
    assert line.tags(2)["validation_status"] == "promoted"
    (entry,) = line.ledger
    assert (entry["action"], entry["from"], entry["to"], entry["verdict"]) == ("approve", 1, 2, "promoted")
    now = standing(line.log, line.log.read(), "e", "r")
    assert now is not None and (now["version"], now["verdict"], now["metrics"]) == (2, "promoted", {"image_AUROC": 0.9})


def test_what_a_person_declines_leaves_the_champion_and_is_not_asked_again(line: Line) -> None:
    subject = line.gate_asks(2)
    line.answer(False, "misses dents")
    history = line.log.read()
    verdict = history.verdict(subject)
    assert line.aliases["champion"] == 1 and history.waiting is None
    assert verdict is not None and verdict.decision is not None and verdict.decision.verdict == "kept"
    assert line.tags(2)["reasons"].startswith("a person declined it: misses dents")
    assert told(verdict).startswith(f"{verdict.by} on {verdict.host}: declined version 2: misses dents (")
    with pytest.raises(PromotionError, match=r"gear waits for an answer; .*: declined version 2: misses dents"):
        line.plan(True)


def test_a_first_version_waits_too_and_is_champion_when_approved(tracking: Tracking, tmp_path: Path) -> None:
    line = Line(tracking, tmp_path, tmp_path.name, 1)
    line.gate_asks(1)
    assert line.aliases == {"challenger": 1}
    line.answer(True)
    assert line.aliases == {"champion": 1}


def test_the_question_says_what_waits_until_when(line: Line) -> None:
    category = Category(line.dataset, "gear")
    assert open_question(line.registry, category, line.gate) is None
    line.gate_asks(3)
    question = open_question(line.registry, category, GateSettings(approval_hours=2))
    asked = line.log.read().waiting
    assert question is not None and asked is not None
    assert (question.version.version, question.asked.id) == (3, asked.entry.id)
    assert question.until == datetime.fromisoformat(asked.entry.time) + timedelta(hours=2)


def test_what_nobody_answers_in_time_leaves_the_champion_and_takes_no_late_answer(line: Line) -> None:
    subject = line.gate_asks(2)
    late = line.plan(True)
    assert expired(line.log, line.log.settled(), line.gate).waiting is not None, "there is time left"
    history = expired(line.log, line.log.settled(), AT_ONCE)
    verdict = history.verdict(subject)
    assert history.waiting is None and verdict is not None and verdict.decision is not None
    assert (verdict.action, verdict.decision.verdict, line.aliases["champion"]) == ("expire", "kept", 1)
    assert verdict.decision.reasons[0].startswith("it waited in vain: nobody answered within ")
    again = expired(line.log, history, AT_ONCE)
    assert len(again.counted) == len(history.counted), "it expires once"
    with pytest.raises(PromotionError, match=r"waits no more for an answer on version 2: .*: expired version 2"):
        answer(line.workspace, line.registry, late)
    assert line.aliases["champion"] == 1


def test_after_the_time_a_person_is_told_though_nobody_has_written_that_it_is_over(line: Line) -> None:
    line.gate_asks(2)
    line.gate = AT_ONCE
    with pytest.raises(PromotionError, match=r"gear waits for an answer; .*: expired version 2"):
        line.plan(True)


def test_of_two_answers_at_once_the_first_counts_and_the_other_is_told_whose(line: Line) -> None:
    line.gate_asks(2)
    first, second = line.plan(False, by="anna"), line.plan(True, by="bert")
    answer(line.workspace, line.registry, first)
    with pytest.raises(PromotionError, match=r"waits no more .* version 2: anna on .*: declined version 2"):
        answer(line.workspace, line.registry, second)
    line.gate_asks(3)
    first, second = line.plan(True, by="anna"), line.plan(False, by="bert")
    answer(line.workspace, line.registry, first)
    with pytest.raises(PromotionError, match=r"was moved in the meantime by anna on .*: approved version 3; it is"):
        answer(line.workspace, line.registry, second)
    assert line.aliases == {"champion": 3, "previous": 1}


def test_a_question_is_void_once_the_champion_moved_or_another_version_waits(line: Line) -> None:
    line.gate_asks(2)
    planned = line.plan(True)
    line.gate_asks(3)
    with pytest.raises(PromotionError, match=r"waits no more .* version 2: .*the gate on version 3: waiting"):
        answer(line.workspace, line.registry, planned)
    subject = line.gate_asks(3)
    line.promote(4)
    assert line.log.read().waiting is None and line.log.read().verdict(subject) is None, "it is to be judged anew"
    with pytest.raises(PromotionError, match=r"gear waits for an answer; .*promote to version 4"):
        line.plan(True)


def test_an_answer_needs_its_reason_and_something_that_waits(line: Line) -> None:
    with pytest.raises(SettingsError, match="an answer needs its reason"):
        line.plan(True, " \n")
    with pytest.raises(PromotionError, match=r"gear waits for an answer; .*the gate on version 1: promoted"):
        line.plan(True)
