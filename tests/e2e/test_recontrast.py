"""ReContrast through the whole flow, in a workspace of its own: what ToCoAD can do there, it can.

One story, in this order: train, reproduce, predict, look at the report, a second champion, rollback, promotion by hand.
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
from html_page import read_page

from tests.helpers.on_request import on_request
from tests.helpers.receiver import receiving

pytestmark = [pytest.mark.e2e, on_request("story")]

RESULTS = "work/tiny/gear/recontrast"
CHAMPION = "models:/tiny.gear@champion"


@pytest.fixture(scope="module")
def place(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return shop.gear_alone(tmp_path_factory.mktemp("recontrast") / "workspace")


@pytest.fixture(scope="module")
def first(place: Any) -> dict[str, Any]:
    lenient = ("gate.margin=1", "gate.caught_min=0")  # so short a training gives every seed another detector
    options = ("--method", "recontrast", "--set", "seed=0", "encoder.weights=wheel", *lenient)
    document: dict[str, Any] = place.retrain("--categories", "gear", *options)["categories"]["gear"]
    return document


@pytest.fixture(scope="module")
def by_version(place: Any, first: dict[str, Any]) -> dict[int, dict[str, float]]:
    """The scores that the evaluation gave two versions; the gate promoted the one after the other."""
    found = {1: evaluated_scores(place)}
    entry = place.retrain("--categories", "gear", "--set", "seed=1")["categories"]["gear"]
    assert (entry["decision"]["verdict"], entry["model"]["version"]) == ("promoted", 2)
    assert entry["weights_sha256"] != first["weights_sha256"]
    found[2] = evaluated_scores(place)
    assert found[1] != found[2]
    return found


def aliases(place: Any) -> dict[str, int]:
    with sqlite3.connect(place.root / ".services/mlflow.db") as database:
        rows = database.execute("select alias, version from registered_model_aliases where name = 'tiny.gear'")
        return dict(rows.fetchall())


def ledger(place: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place.root / "work/tiny/ledger.jsonl").read_text().splitlines()]


def evaluated_scores(place: Any) -> dict[str, float]:
    with (place.root / RESULTS / "evaluate/predictions.csv").open(newline="") as file:
        return {row["image_path"]: float(row["pred_score"]) for row in csv.DictReader(file)}


def predicted_scores(place: Any, model: str, *options: str) -> dict[str, float]:
    done = place.run("tocoad", "predict", model, "data/tiny/gear/test", "--json", *options)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["predictions"]
    return {row["image_path"].removeprefix("data/tiny/gear/"): row["pred_score"] for row in rows}


def test_it_is_trained_judged_beside_the_control_and_champion(place: Any, first: dict[str, Any]) -> None:
    assert (first["status"], first["method"], first["error"]) == ("trained", "recontrast", None)
    assert all(0 <= value <= 1 for value in first["metrics"].values()) and len(first["metrics"]) == 7
    assert first["control"]["method"] == "patchcore"
    assert first["decision"]["verdict"] == "promoted"
    assert first["model"] == {"name": "tiny.gear", "version": 1, "aliases": ["champion"]}
    assert set(first["seconds"]) == {"manifest", "train", "fit", "evaluate"}
    package = place.root / RESULTS / "fit/detector"
    packed = ["detector.json", "model.safetensors", "probes.zip", "reference.npz"]
    assert sorted(file.name for file in package.iterdir()) == packed
    with sqlite3.connect(place.root / ".services/mlflow.db") as database:
        points = database.execute("select count(*) from metrics where key = 'train/loss'").fetchone()
    assert points == (6,)


def test_dvc_agrees_and_repro_writes_the_same_bytes(place: Any, first: dict[str, Any]) -> None:
    stages = ("manifest", "train", "fit_recontrast", "evaluate_recontrast", "fit_patchcore", "evaluate_patchcore")
    done = place.run("dvc", "status", "--json", *(f"{stage}@tiny/gear" for stage in stages))
    assert (done.returncode, json.loads(done.stdout)) == (0, {}), done.stderr
    files = [place.root / RESULTS / name for name in ("train/encoder.safetensors", "fit/detector/model.safetensors")]
    before = [file.read_bytes() for file in files]
    done = place.run("dvc", "repro", "--force", "--single-item", "train@tiny/gear", "fit_recontrast@tiny/gear")
    assert done.returncode == 0, done.stderr
    assert [file.read_bytes() for file in files] == before


def test_the_evaluated_package_and_the_registered_one_predict_alike(
    place: Any, first: dict[str, Any], tmp_path: Path
) -> None:
    expected = evaluated_scores(place)
    assert predicted_scores(place, f"{RESULTS}/fit/detector", "--out", str(tmp_path)) == expected
    written = [len(list(tmp_path.rglob(f"*.{ending}"))) for ending in ("overlay.png", "map.tiff")]
    assert written == [len(expected), len(expected)]
    assert predicted_scores(place, CHAMPION) == expected


def test_the_report_shows_how_it_was_trained(place: Any, first: dict[str, Any]) -> None:
    done = place.run("tocoad", "report", "tiny")
    assert done.returncode == 0, done.stderr
    page = read_page((place.root / "work/tiny/report/gear.html").read_text())
    assert "Loss of train" in page.text
    assert "recontrast" in page.text and "patchcore" in page.text


@pytest.fixture(scope="module")
def rolled_back(place: Any, by_version: dict[int, dict[str, float]]) -> dict[str, Any]:
    """The document of a rollback of version 2."""
    assert predicted_scores(place, CHAMPION) == by_version[2]
    assert aliases(place) == {"champion": 2, "previous": 1}
    command = ("tocoad", "rollback", "tiny", "gear", "--reason", "rejects good gears", "--json")
    with receiving(204) as receiver:
        done = place.run(*command, env={"TOCOAD_NOTIFY_WEBHOOK": receiver.url})
    assert (done.returncode, done.stderr) == (0, "")
    ((_, told),) = receiver.sent
    moved = {"category": "gear", "what": "rollback", "version": 1, "why": "rejects good gears", "answer": None}
    assert json.loads(told)["changed"] == [moved]
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_rollback_puts_the_version_before_back(
    place: Any, by_version: dict[int, dict[str, float]], rolled_back: dict[str, Any]
) -> None:
    assert predicted_scores(place, CHAMPION) == by_version[1]
    assert aliases(place) == {"champion": 1}
    expected = {
        "action": "rollback",
        "name": "tiny.gear",
        "from": 2,
        "to": 1,
        "reason": "rejects good gears",
        "by": getpass.getuser(),
        "warnings": [],
    }
    assert {key: value for key, value in rolled_back.items() if key not in ("gate", "package")} == expected
    assert len(rolled_back["package"]) == 64, "the digest of the package that is back"
    assert rolled_back["gate"]["verdict"] == "promoted"
    entry = ledger(place)[-1]
    assert (entry["action"], entry["model"], entry["reason"]) == ("rollback", "tiny.gear", "rejects good gears")
    with sqlite3.connect(place.root / ".services/prefect/prefect.db") as database:
        runs = database.execute("select name, state_type from flow_run where name like 'rollback%'").fetchall()
    assert runs == [("rollback tiny/gear", "COMPLETED")]


def test_a_retrain_with_nothing_stale_leaves_it_so(place: Any, rolled_back: dict[str, Any]) -> None:
    entry = place.retrain("--categories", "gear")["categories"]["gear"]
    assert (entry["status"], entry["model"]) == ("up-to-date", {"name": "tiny.gear", "version": 2, "aliases": []})
    assert aliases(place) == {"champion": 1}
    assert entry["decision"]["verdict"] == "kept"
    assert entry["decision"]["reasons"][0].startswith("version 2 was rolled back (rejects good gears)")


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
    refusal = "error: tiny.gear version 2: parity: its package is not the one that was registered\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", refusal)
    assert (aliases(place), ledger(place)) == ({"champion": 1}, before)


def test_a_person_promotes_it_again(place: Any, rolled_back: dict[str, Any]) -> None:
    done = place.run("tocoad", "promote", "tiny", "gear")
    line = "tiny.gear: version 2 is champion now, before it was version 1; the gate's verdict on version 2: kept\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, line, "")
    assert aliases(place) == {"champion": 2, "previous": 1}
