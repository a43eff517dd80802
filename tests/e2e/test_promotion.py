"""Promotion and rollback through the command line, in a workspace of their own: one category, the cheapest method.

One story, in this order: two champions, a rollback, what a retrain does after it, a promotion by hand.
"""

from __future__ import annotations

import csv
import getpass
import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

pytestmark = pytest.mark.e2e

GEAR = ("--categories", "gear")


def champion_scores(place: Any) -> dict[str, float]:
    done = place.run("tocoad", "predict", "models:/tiny.gear@champion", "data/tiny/gear/test", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["predictions"]
    return {row["image_path"].removeprefix("data/tiny/gear/"): row["pred_score"] for row in rows}


def evaluated_scores(place: Any) -> dict[str, float]:
    with (place.root / "work/tiny/gear/patchcore/evaluate/predictions.csv").open(newline="") as file:
        return {row["image_path"]: float(row["pred_score"]) for row in csv.DictReader(file)}


def aliases(place: Any) -> dict[str, int]:
    with sqlite3.connect(place.root / ".services/mlflow.db") as database:
        rows = database.execute("select alias, version from registered_model_aliases where name = 'tiny.gear'")
        return dict(rows.fetchall())


def ledger(place: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place.root / "work/tiny/ledger.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def place(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return shop.gear_alone(tmp_path_factory.mktemp("promotion") / "workspace")


@pytest.fixture(scope="module")
def by_version(place: Any) -> dict[int, dict[str, float]]:
    """The scores that the evaluation gave two versions; the gate promoted the one after the other."""
    found = {}
    seeds = {
        1: ("--method", "patchcore", "--set", "seed=0", "gate.margin=1"),
        2: ("--set", "seed=1", "--force"),
    }
    for version, options in seeds.items():
        entry = place.retrain(*GEAR, *options)["categories"]["gear"]
        assert entry["decision"]["verdict"] == "promoted"
        assert (entry["model"]["version"], entry["model"]["aliases"]) == (version, ["champion"])
        found[version] = evaluated_scores(place)
    assert found[1] != found[2]
    return found


@pytest.fixture(scope="module")
def rolled_back(place: Any, by_version: dict[int, dict[str, float]]) -> dict[str, Any]:
    """The document of a rollback of version 2."""
    assert champion_scores(place) == by_version[2]
    assert aliases(place) == {"champion": 2, "previous": 1}
    done = place.run("tocoad", "rollback", "tiny", "gear", "--reason", "rejects good gears", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_rollback_puts_the_version_before_back(
    place: Any, by_version: dict[int, dict[str, float]], rolled_back: dict[str, Any]
) -> None:
    assert champion_scores(place) == by_version[1]
    assert aliases(place) == {"champion": 1}
    expected = {
        "action": "rollback",
        "name": "tiny.gear",
        "from": 2,
        "to": 1,
        "reason": "rejects good gears",
        "by": getpass.getuser(),
    }
    assert {key: value for key, value in rolled_back.items() if key != "gate"} == expected
    assert rolled_back["gate"]["verdict"] == "promoted"
    entry = ledger(place)[-1]
    assert (entry["action"], entry["model"], entry["reason"]) == ("rollback", "tiny.gear", "rejects good gears")
    with sqlite3.connect(place.root / ".services/prefect/prefect.db") as database:
        runs = database.execute("select name, state_type from flow_run where name like 'rollback%'").fetchall()
    assert runs == [("rollback tiny/gear", "COMPLETED")]


def test_a_retrain_with_nothing_stale_leaves_it_so(place: Any, rolled_back: dict[str, Any]) -> None:
    entry = place.retrain(*GEAR)["categories"]["gear"]
    assert (entry["status"], entry["model"]) == ("up-to-date", {"name": "tiny.gear", "version": 2, "aliases": []})
    assert aliases(place) == {"champion": 1}


def test_a_damaged_package_is_refused_in_one_line_and_nothing_moves(place: Any, rolled_back: dict[str, Any]) -> None:
    before = ledger(place)
    with sqlite3.connect(place.root / ".services/mlflow.db") as database:
        query = "select storage_location from model_versions where name = 'tiny.gear' and version = 2"
        ((stored,),) = database.execute(query).fetchall()
    file = Path(unquote(urlparse(stored).path)) / "artifacts/detector/model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = place.run("tocoad", "promote", "tiny", "gear", "--version", "2")
    file.write_bytes(whole)
    refusal = "error: tiny.gear version 2: its package is not the one that was registered\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", refusal)
    assert (aliases(place), ledger(place)) == ({"champion": 1}, before)


def test_a_person_promotes_it_again(place: Any, rolled_back: dict[str, Any]) -> None:
    done = place.run("tocoad", "promote", "tiny", "gear")
    line = "tiny.gear: version 2 is champion now, before it was version 1; the gate's verdict on version 2: promoted\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, line, "")
    assert aliases(place) == {"champion": 2, "previous": 1}
