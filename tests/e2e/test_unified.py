"""One ReContrast for all categories of the rendered sample, through the whole flow: trained once, all champions."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tocoad.files.workspace import Workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import save_plan
from tocoad.settings.plan import Plan

pytestmark = pytest.mark.e2e

CATEGORIES = ["fabric", "gear", "plate"]
TRAINED = "work/sample/recontrast_unified/train_unified"


@pytest.fixture(scope="module")
def place(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workspace of its own, with the small settings of the other tests and small pictures of all categories."""
    root = tmp_path_factory.mktemp("unified")
    for name in ("params.yaml", "plan.yaml", "dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(shop.root / name, root)
    shutil.copytree(shop.root / ".git", root / ".git")
    save_plan(Workspace(root), Plan())
    made = replace(shop, root=root)
    source = tmp_path_factory.mktemp("source") / "sample"
    render_sample(source, size=96, counts=SampleCounts(train=9, test_good=2, test_defective=5))
    done = made.run("tocoad", "data", "add", str(source), "--name", "sample")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def first(place: Any) -> dict[str, Any]:
    """The document of the first retrain."""
    return retrain(place, "--method", "recontrast_unified", "--set", "unified.iterations=5", "evaluation.gallery=4")


def retrain(place: Any, *options: str, code: int = 0) -> dict[str, Any]:
    done = place.run("tocoad", "retrain", "sample", "--json", *options)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def package(place: Any, category: str) -> Path:
    folder: Path = place.root / f"work/sample/{category}/recontrast_unified/fit/detector"
    return folder


def test_every_category_has_a_champion_of_its_own_with_the_networks_of_all(place: Any, first: dict[str, Any]) -> None:
    assert sorted(first["categories"]) == CATEGORIES
    for name, entry in first["categories"].items():
        assert (entry["status"], entry["method"], entry["error"]) == ("trained", "recontrast_unified", None)
        assert entry["decision"]["verdict"] == "promoted"
        assert entry["model"] == {"name": f"sample.{name}", "version": 1, "aliases": ["champion"]}
        assert entry["control"]["method"] == "patchcore"
        assert set(entry["seconds"]) == {"manifest", "list_unified", "train_unified", "fit", "evaluate"}
        card = json.loads((package(place, name) / "detector.json").read_text())
        assert (card["category"], card["serves"]) == (name, CATEGORIES)
        control = json.loads((place.root / f"work/sample/{name}/patchcore/fit/detector/detector.json").read_text())
        assert "serves" not in control
        page = (place.root / f"work/sample/report/{name}.html").read_text()
        assert "trained once for 3 categories of the data set: fabric, gear, plate" in page
    assert len({entry["weights_sha256"] for entry in first["categories"].values()}) == 1
    assert len({entry["threshold"]["image"] for entry in first["categories"].values()}) == 3


def test_it_was_trained_once_and_its_curve_is_the_retrain_s(place: Any, first: dict[str, Any]) -> None:
    with sqlite3.connect(place.root / ".services/mlflow.db") as database:
        loss = """select runs.name, count(*) from metrics join runs using (run_uuid)
                  where metrics.key = 'train_unified/loss' group by runs.name"""
        assert database.execute(loss).fetchall() == [("retrain sample", 5)]
        runs = database.execute("select name, status from runs order by name").fetchall()
    assert runs == [(name, "FINISHED") for name in (*CATEGORIES, "retrain sample")]
    kept = list((place.root / ".services/mlartifacts").rglob("train_unified/curves.csv"))
    assert len(kept) == 1, "its figures are kept once, not once a category"


def test_dvc_agrees_and_repro_writes_the_same_bytes(place: Any, first: dict[str, Any]) -> None:
    """The detectors' stages need no second run: what they read is the same, which the last status says."""
    assert "up to date" in place.run("dvc", "status").stdout
    files = [place.root / TRAINED / name for name in ("encoder.safetensors", "network.safetensors", "images.json")]
    expected = [file.read_bytes() for file in files]
    done = place.run("dvc", "repro", "--force", "--single-item", "train_unified@sample")
    assert done.returncode == 0, done.stderr
    assert [file.read_bytes() for file in files] == expected
    assert "up to date" in place.run("dvc", "status").stdout


def test_predict_names_the_categories_that_its_networks_serve(
    place: Any, first: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sorted((place.root / "data/sample/gear/test/good").iterdir())[0]
    monkeypatch.chdir(place.root)
    assert main(["predict", str(package(place, "gear")), str(image), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["serves"] == CATEGORIES


def test_a_training_that_fails_fails_every_category_with_its_reason(place: Any, first: dict[str, Any]) -> None:
    """A file of `gear` that is no image; `gear` itself has no manifest then either."""
    (place.root / "data/sample/gear/train/good/notes.txt").write_text("dull light on Monday")
    errors = {name: entry["error"] for name, entry in retrain(place, code=1)["categories"].items()}
    assert errors["gear"].startswith("manifest: ")
    for name in ("fabric", "plate"):
        assert errors[name].startswith("list_unified: ")
        assert "notes.txt: not an image" in errors[name]
