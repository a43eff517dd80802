"""What MLflow's pages say of a version: where it comes from, what was said of it, and which comes next."""

from __future__ import annotations

from typing import Any

import pytest

from services.mlflow.nights import Night
from services.mlflow.promotion import carry_out, plan_promotion
from services.mlflow.standing import models_in_force
from services.mlflow.verdicts import counted_verdicts
from tests.helpers.registering import Shop
from tocoad.gate.log import Action
from tocoad.gate.records import Decision
from tocoad.gate.subject import rules_digest
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.sections import Settings

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("services", ["local"], indirect=True)]

ASKED = Settings.model_validate({"gate": {"approval": "required"}})


def tags(shop: Shop, number: int) -> dict[str, str]:
    return dict(shop.registry.version(shop.category.model_name, number).tags)


def aliases(shop: Shop) -> dict[str, int]:
    return shop.registry.aliases(shop.category.model_name)


def answer(shop: Shop, action: Action, number: int) -> None:
    """What a person says of the version that waits."""
    history = shop.log.settled()
    assert history.waiting is not None
    verdict, new = ("promoted", number) if action == "approve" else ("kept", history.champion)
    about = {"version": number, "subject": history.waiting.entry.subject}
    decision = Decision(verdict=verdict, reasons=("a person said so",))
    shop.log.append(shop.log.entry(action, history, new, decision=decision, reason="seen it", **about))
    shop.log.settled()


def challenger(shop: Shop) -> Any:
    found = models_in_force(shop.registry, shop.category.model_name, None, rules_digest(shop.settings))
    return found["challenger"]


def test_a_version_says_of_which_data_code_and_results_it_is_and_what_the_gate_said(shop: Shop) -> None:
    shop.night = Night("the run", data_version="the images'", git_commit="the code's", lock_sha256="the results'")
    first = shop.retrain(1)
    assert first.verdict == "promoted"
    said = tags(shop, 1)
    assert said.pop("reasons") == "\n".join(first.reasons)
    assert {name: said.pop(name) for name in METRIC_NAMES} == dict.fromkeys(METRIC_NAMES, "0.9")
    assert said == {
        "validation_status": "promoted",
        "method": "patchcore",
        "package_sha256": shop.package,
        "evaluation_set": "e",
        "rules": rules_digest(shop.settings),
        "workspace": "the run",
        "data_version": "the images'",
        "git_commit": "the code's",
        "dvc_lock_sha256": "the results'",
    }


def test_the_tag_of_before_goes_when_the_version_is_judged_again(shop: Shop) -> None:
    shop.retrain(1)
    version = shop.registry.version(shop.category.model_name, 1)
    shop.registry.remove_tag(version, "validation_status")
    shop.registry.set_tags(version, {"verdict": "promoted"})
    assert shop.registered() is not None
    assert "verdict" not in tags(shop, 1) and tags(shop, 1)["validation_status"] == "promoted"


def test_what_is_registered_and_not_judged_is_the_challenger_until_it_is(shop: Shop) -> None:
    shop.retrain(1)
    judging: list[tuple[Any, ...]] = []

    def examine(*_: object) -> Any:
        judging.append((aliases(shop), tags(shop, 2)["validation_status"], challenger(shop)))
        raise OSError("the machine is gone")

    examined, shop.examine = shop.examine, examine
    with pytest.raises(OSError, match="the machine is gone"):
        shop.retrain(2)
    open_one = {"version": 2, "verdict": None, "since": None, "reasons": []}
    assert judging == [({"champion": 1, "challenger": 2}, "pending", open_one)]
    shop.examine = examined
    assert shop.register().aliases == ("champion",)
    assert aliases(shop) == {"champion": 2, "previous": 1} and challenger(shop) is None
    assert shop.retrain(3, 0.5).verdict == "rejected" and aliases(shop) == {"champion": 2, "previous": 1}


def test_one_that_waits_is_the_challenger_and_the_champion_stays_until_it_is_answered_or_the_wait_is_void(
    shop: Shop,
) -> None:
    shop.retrain(1)
    shop.settings = ASKED
    answers: tuple[tuple[Action, str, int], ...] = (
        ("decline", "kept", 1),
        ("expire", "kept", 1),
        ("approve", "promoted", 4),
    )
    for number, (action, verdict, champion) in enumerate(answers, start=2):
        told = shop.retrain(number)
        assert (told.verdict, told.aliases) == ("waiting", ("challenger",))
        assert shop.registered() == told, "a retrain has nothing to judge"
        assert aliases(shop) == {"champion": 1, "challenger": number}
        assert tags(shop, number)["validation_status"] == "waiting"
        waits = challenger(shop)
        assert (waits["version"], waits["verdict"], waits["reasons"]) == (number, "waiting", [*told.reasons])
        answer(shop, action, number)
        assert aliases(shop)["champion"] == champion and challenger(shop) is None
        assert tags(shop, number)["validation_status"] == verdict
        known = shop.registered()
        assert known is not None and known.verdict == verdict
    assert aliases(shop) == {"champion": 4, "previous": 1}

    fifth = shop.retrain(5)
    where = (shop.workspace, shop.registry, shop.category.dataset, [shop.category])
    assert (fifth.verdict, counted_verdicts(*where)[-1]["verdict"]) == ("waiting", "waiting")
    carry_out(shop.workspace, shop.registry, plan_promotion(shop.registry, shop.category.dataset, "gear", 1))
    assert aliases(shop) == {"champion": 1, "previous": 4} and tags(shop, 5)["validation_status"] == "pending"
    assert shop.registered() is None and challenger(shop) is None
    assert "waiting" not in {one["verdict"] for one in counted_verdicts(*where)}
