"""`tocoad history`: what is listed of a data set's logs, and how."""

from __future__ import annotations

import getpass
import platform
import socket

import pytest

from cli.figures import SHOWN_MAX
from cli.history import history_table
from services.mlflow.calls import AwayError, connect
from services.mlflow.history import dataset_history, known_history
from services.mlflow.promotion import carry_out, plan_promotion, plan_rollback
from services.mlflow.registry import Registry
from tests.helpers.registering import Shop
from tocoad.errors import SettingsError

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("services", ["local"], indirect=True)]


def test_every_decision_is_listed_with_who_from_what_to_what_why_on_which_figures_and_of_which_package(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, packages = shop.category.dataset, []
    for seed, figure in ((1, 0.9), (2, 0.95), (3, 0.5)):
        shop.retrain(seed, figure)
        packages.append(shop.package)
    carry_out(shop.workspace, shop.registry, plan_promotion(shop.registry, dataset, "gear", 3, "catches the cracks"))
    carry_out(shop.workspace, shop.registry, plan_rollback(shop.registry, dataset, "gear", "rejects good parts"))
    history = dataset_history(shop.registry, dataset, "gear")
    told = history["decisions"]
    assert [(one["action"], one["from"], one["to"], one["verdict"], one["counts"]) for one in told] == [
        ("judge", None, 1, "promoted", True),
        ("judge", 1, 2, "promoted", True),
        ("judge", 2, 2, "rejected", True),
        ("promote", 2, 3, None, True),
        ("rollback", 3, 2, None, True),
    ]
    assert {(one["by"], one["host"]) for one in told} == {(getpass.getuser(), platform.node())}
    assert [one["package"] for one in told] == [*packages, packages[2], packages[1]]
    assert [one["metrics"]["image_AUROC"] for one in told] == [0.9, 0.95, 0.5, 0.5, 0.95]
    assert told[3]["reasons"] == ["catches the cracks"] and told[4]["reasons"] == ["rejects good parts"]
    found = {one["name"]: one["figures"] for one in told[2]["findings"]}
    assert found["image_AUROC floor"] == {"challenger": 0.5, "floor": 0.6}

    def away() -> Registry:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        return Registry(connect(f"http://127.0.0.1:{port}"))

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    known = known_history(shop.workspace, away, dataset, "gear")
    assert known["decisions"] == [{**one, "images": {}} for one in told]
    (warning,) = known["warnings"]
    assert str(shop.workspace.root / "work" / dataset / "ledger.jsonl") in warning and "is away: start it" in warning
    with pytest.raises(AwayError):
        known_history(shop.workspace, away, dataset, "plate")

    history_table(history)
    lines = capsys.readouterr().out
    assert "gate: v3 rejected" in " ".join(lines.split()) and "v2 -> v3" in lines and "v3 -> v2" in lines
    assert packages[0][:12] in lines and packages[0] not in lines


def test_what_is_not_there_is_told_and_a_log_that_cannot_be_read_hides_no_other(shop: Shop) -> None:
    dataset = shop.category.dataset
    shop.retrain(1)
    client = shop.tracking.client
    client.create_registered_model(f"{dataset}.plate")
    client.create_registered_model(f"{dataset}.plate.decisions")
    client.create_model_version(f"{dataset}.plate.decisions", f"models:/{dataset}.gear/1", await_creation_for=0)
    client.create_registered_model("somebody else's.model")
    history = dataset_history(shop.registry, dataset)
    assert [one["model"] for one in history["decisions"]] == [f"{dataset}.gear"]
    assert history["errors"]["plate"].startswith(f"{dataset}.plate.decisions: entry 1 cannot be read")
    with pytest.raises(SettingsError, match=r"has no registered category 'geer'; it has gear, plate$"):
        dataset_history(shop.registry, dataset, "geer")


def test_of_many_decisions_the_last_are_shown(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.retrain(1)
    history = dataset_history(shop.registry, shop.category.dataset)
    history["decisions"] = [
        {**history["decisions"][0], "version": number, "by": f"user{number}", "model": "d.gear"}
        for number in range(SHOWN_MAX + 5)
    ]
    history_table(history)
    told = capsys.readouterr().out
    assert "user24" in told and "user5 " in told and "user4 " not in told
    assert told.endswith("25 decisions; 20 shown: --all shows all, --json tells of all\n")
    history_table(history, whole=True)
    assert "user4 " in capsys.readouterr().out
