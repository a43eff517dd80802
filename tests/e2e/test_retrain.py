"""The whole flow with real Prefect, Ray, MLflow (SQLite) and DVC on tiny rendered data.

One story, in this order: train, reproduce, find nothing to do, refuse bad input, fail in one category, mend it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tocoad.files.workspace import Workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import override

pytestmark = pytest.mark.e2e

METRICS = {"image_AUROC", "image_AP", "image_F1Max", "pixel_AUROC", "pixel_AP", "pixel_F1Max", "pixel_AUPRO"}


@pytest.fixture(scope="module")
def first(shop: Any) -> dict[str, Any]:
    """The document of the first retrain."""
    document: dict[str, Any] = shop.retrain()
    return document


def digests(document: dict[str, Any]) -> dict[str, str]:
    return {name: entry["weights_sha256"] for name, entry in document["categories"].items()}


def test_every_category_is_trained_evaluated_and_champion(first: dict[str, Any]) -> None:
    assert set(first["categories"]) == {"gear", "plate"}
    for name, entry in first["categories"].items():
        assert (entry["status"], entry["method"], entry["error"]) == ("trained", "tocoad", None)
        assert set(entry["metrics"]) == METRICS
        assert all(0 <= value <= 1 for value in entry["metrics"].values())
        assert entry["control"]["method"] == "patchcore"
        assert set(entry["control"]["metrics"]) == METRICS
        assert entry["decision"]["verdict"] == "promoted"
        same = "parity: in a clean process the package gives the very scores and maps of its 3 probes"
        assert entry["decision"]["reasons"][0].startswith("there is no champion yet")
        assert same in entry["decision"]["reasons"]
        assert entry["model"] == {"name": f"tiny.{name}", "version": 1, "aliases": ["champion"]}
        assert set(entry["seconds"]) == {"manifest", "synthesize", "stage1", "stage2", "fit", "evaluate"}
        assert 0 < entry["threshold"]["expected_false_reject_rate"] < 1
    assert len(set(digests(first).values())) == 2


def test_what_a_user_finds_in_the_folders(shop: Any, first: dict[str, Any]) -> None:
    folder = shop.root / "work/tiny/gear"
    assert (folder / "synthesize/preview.png").is_file()
    for method in ("tocoad", "patchcore"):
        assert len(list((folder / method / "evaluate/overlays").glob("*.png"))) == 5
        rows = (folder / method / "evaluate/predictions.csv").read_text().splitlines()
        assert rows[0] == "image_path,defect_type,gt_label,pred_score,pred_label"
        assert len(rows) == 1 + 4 + 5
    package = folder / "tocoad/fit/detector"
    packed = ["detector.json", "model.safetensors", "probes.zip", "reference.npz"]
    assert sorted(file.name for file in package.iterdir()) == packed
    assert str(shop.root) not in (package / "detector.json").read_text()
    hidden = [path for path in folder.rglob(".*") if path.is_dir()]
    assert hidden == [folder / ".cache"]
    ledger = [json.loads(line) for line in (shop.root / "work/tiny/ledger.jsonl").read_text().splitlines()]
    assert sorted(entry["model"] for entry in ledger) == ["tiny.gear", "tiny.plate"]
    assert all(entry["verdict"] == "promoted" and entry["findings"] for entry in ledger)


def test_the_report_is_written_kept_in_mlflow_and_linked_in_prefect(shop: Any, first: dict[str, Any]) -> None:
    folder = shop.root / "work/tiny/report"
    assert first["report"] == (folder / "index.html").as_uri()
    for name in ("index.html", "gear.html", "plate.html"):
        assert "data:image/webp;base64," in (folder / name).read_text() or name == "index.html"
        # The retrain's run has all of them, for the summary links to the pages; a category's run says where its own is.
        (kept,) = (shop.root / ".services/mlartifacts/tiny").glob(f"*/artifacts/report/{name}")
        assert kept.read_bytes() == (folder / name).read_bytes()
    run = kept.parents[2].name
    with sqlite3.connect(shop.root / ".services/mlflow.db") as database:
        tags = database.execute("select value from tags where key = 'report' order by value").fetchall()
    assert tags == [(f"runs:/{run}/report/gear.html",), (f"runs:/{run}/report/plate.html",)]
    with sqlite3.connect(shop.root / ".services/prefect/prefect.db") as database:
        links = database.execute("select data from artifact where key = 'report-tiny'").fetchall()
    assert len(links) == 1
    assert first["report"] in links[0][0]


def test_the_report_can_be_written_again(shop: Any, first: dict[str, Any]) -> None:
    index = shop.root / "work/tiny/report/index.html"
    index.unlink()
    done = shop.run("tocoad", "report", "tiny", "--categories", "gear")
    assert (done.returncode, done.stdout) == (0, f"{index}\n")
    assert "plate" in index.read_text()
    refused = shop.run("tocoad", "report", "tiny", "--categories", "gaer")
    assert refused.returncode == 2
    assert "did you mean 'gear'?" in refused.stderr


def test_mlflow_has_the_parent_the_children_and_live_curves(shop: Any, first: dict[str, Any]) -> None:
    with sqlite3.connect(shop.root / ".services/mlflow.db") as database:
        runs = database.execute("select name, status from runs order by name").fetchall()
        steps = database.execute("select count(*) from metrics where key = 'stage1/loss'").fetchone()[0]
        dirty = database.execute("select count(*) from tags where key = 'manifest_sha256'").fetchone()[0]
        drift = database.execute("select count(*) from metrics where key = 'stage2/drift_level4'").fetchone()[0]
        far = "select key, count(*) from metrics where key like '%calibration_distance_p99' group by key order by key"
        distances = database.execute(far).fetchall()
    assert runs == [("gear", "FINISHED"), ("plate", "FINISHED"), ("retrain tiny", "FINISHED")]
    assert steps == 2 * 4
    assert drift == 2 * 2
    assert distances == [("control/fit/calibration_distance_p99", 2), ("fit/calibration_distance_p99", 2)]
    kept = (shop.root / ".services/mlartifacts").rglob("distances.csv")
    assert sorted(file.parent.parent.name for file in kept) == ["patchcore"] * 2 + ["tocoad"] * 2
    assert dirty == 2


def test_mlflow_keeps_every_byte_once(shop: Any, first: dict[str, Any]) -> None:
    """The detector as the version's, the pictures in the report; a run names the version that holds its detector."""
    kept = [file for file in (shop.root / ".services/mlartifacts").rglob("*") if file.is_file()]
    assert len([file for file in kept if file.suffix == ".safetensors"]) == 2
    assert {file.name for file in kept if file.suffix == ".png"} == {"preview.png"}
    assert "serving_input_example.json" not in {file.name for file in kept}
    # The code that MLflow runs is a page that each version has.
    large = [file.read_bytes() for file in kept if file.stat().st_size > 2000 and file.suffix != ".py"]
    assert len(set(large)) == len(large)
    with sqlite3.connect(shop.root / ".services/mlflow.db") as database:
        tags = database.execute("select value from tags where key = 'model' order by value").fetchall()
    assert tags == [("models:/tiny.gear/1",), ("models:/tiny.plate/1",)]


def test_dvc_agrees_and_repro_writes_the_same_bytes(shop: Any, first: dict[str, Any]) -> None:
    status = shop.run("dvc", "status")
    assert "up to date" in status.stdout, status.stdout
    package = shop.root / "work/tiny/gear/tocoad/fit/detector"
    expected = {file.name: file.read_bytes() for file in package.iterdir()}
    done = shop.run("dvc", "repro", "--force", "evaluate_tocoad@tiny/gear")
    assert done.returncode == 0, done.stderr
    assert {file.name: file.read_bytes() for file in package.iterdir()} == expected


def test_a_second_retrain_has_nothing_to_do(shop: Any, first: dict[str, Any]) -> None:
    """Neither with `plate`, as the flow left it, nor with `gear`, which `dvc repro` has made again."""
    second = shop.retrain()
    assert [entry["status"] for entry in second["categories"].values()] == ["up-to-date"] * 2
    for name, entry in second["categories"].items():
        before = first["categories"][name]
        same = ("metrics", "control", "model", "weights_sha256", "threshold")
        assert {key: entry[key] for key in same} == {key: before[key] for key in same}
        assert entry["decision"] == {**before["decision"], "anew": False}


def test_the_watch_tells_of_darker_images_and_the_retrain_that_it_starts_promotes_nothing(
    shop: Any, first: dict[str, Any], tmp_path: Path
) -> None:
    render_sample(tmp_path / "line", seed=1, size=96, counts=SampleCounts(train=16, test_good=0, test_defective=0))
    for name in ("gear", "plate"):
        (tmp_path / "camera" / name).mkdir(parents=True)
        for file in (tmp_path / "line" / name / "train/good").iterdir():
            with Image.open(file) as image:
                light = 0.6 if name == "plate" else 1.0
                image.point([round(light * value) for value in range(256)] * 3).save(
                    tmp_path / "camera" / name / file.name
                )
    settings = {"watch.retrain": "true", "notify.command": '["tee", "-a", "told.json"]'}
    override(Workspace(shop.root), settings)
    try:
        done = shop.run("tocoad", "watch", "tiny", "--images", str(tmp_path / "camera"), "--json")
    finally:
        override(Workspace(shop.root), {"watch.retrain": "false", "notify.command": "[]"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: entry["outcome"] for name, entry in found["categories"].items()} == {
        "gear": "as before",
        "plate": "alarm",
    }
    assert "darker" in found["categories"]["plate"]["moved"]
    told = json.loads((shop.root / "told.json").read_text())
    assert (told["flow"], [alarm["category"] for alarm in told["alarms"]]) == ("watch", ["plate"])
    assert found["retrain"]["run"] is not None and found["retrain"]["error"] is None
    with sqlite3.connect(shop.root / ".services/mlflow.db") as database:
        champions = database.execute("select version from registered_model_aliases where alias = 'champion'")
        assert champions.fetchall() == [(1,), (1,)]


def test_predict_from_folder_and_registry_agree_with_the_evaluation(shop: Any, first: dict[str, Any]) -> None:
    rows = (shop.root / "work/tiny/gear/tocoad/evaluate/predictions.csv").read_text().splitlines()[1:]
    expected = {row.split(",")[0]: float(row.split(",")[3]) for row in rows}
    images = "data/tiny/gear/test"
    for model in ("work/tiny/gear/tocoad/fit/detector", "models:/tiny.gear@champion"):
        done = shop.run("tocoad", "predict", model, images, "--json", "--out", "predicted")
        assert done.returncode == 0, done.stderr
        predictions = json.loads(done.stdout)["predictions"]
        scores = {p["image_path"].removeprefix("data/tiny/gear/"): p["pred_score"] for p in predictions}
        assert scores == expected
        assert all(
            (shop.root / p["overlay"]).is_file() and (shop.root / p["anomaly_map"]).is_file() for p in predictions
        )


def test_the_registered_model_loads_as_pyfunc_in_a_clean_process(
    shop: Any, first: dict[str, Any], tmp_path: Path
) -> None:
    code = """
import json, mlflow, numpy
from pathlib import Path
mlflow.set_tracking_uri("sqlite:///.services/mlflow.db")
model = mlflow.pyfunc.load_model("models:/tiny.gear@champion")
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images
file = sorted(Path("data/tiny/gear/test/good").iterdir())[0]
out = model.predict(load_images([file], 96, FULL_DEPTH))
example = model.input_example
print(json.dumps([str(file), float(out["pred_score"][0]), str(model.metadata.signature is not None)]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=shop.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file, score, signature = json.loads(done.stdout.splitlines()[-1])
    rows = (shop.root / "work/tiny/gear/tocoad/evaluate/predictions.csv").read_text().splitlines()[1:]
    expected = {row.split(",")[0]: float(row.split(",")[3]) for row in rows}
    assert score == expected[file.removeprefix("data/tiny/gear/")]
    assert signature == "True"


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (
            ["retrain", "tinny", "--set", "seed=77"],
            2,
            "data set 'tinny' is not in this workspace; did you mean 'tiny'?",
        ),
        (
            ["retrain", "tiny", "--categories", "geer", "--profile", "default"],
            2,
            "has no category 'geer'; did you mean 'gear'?",
        ),
        (["retrain", "tiny", "--set", "stage1.itrations=3"], 2, "unknown key 'stage1.itrations'"),
        (["retrain", "tiny", "--profile", "fast"], 2, "profile 'fast' is not one of demo, default, paper"),
        (
            ["predict", "nowhere", "data/tiny/gear/test"],
            1,
            "nowhere is not a detector package: detector.json is missing",
        ),
        (["predict", "models:/tiny.gear@best", "data/tiny"], 2, "tiny.gear has no alias 'best'; it has champion"),
        (["predict", "work/tiny/gear/tocoad/fit/detector", "missing.png"], 1, "missing.png: no such file or folder"),
        (["data", "check", "tinny"], 1, "tinny"),
    ],
)
def test_bad_input_is_one_line_and_harms_nothing(
    shop: Any, first: dict[str, Any], command: list[str], code: int, message: str
) -> None:
    before = (shop.root / "params.yaml").read_bytes()
    done = shop.run("tocoad", *command)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (shop.root / "params.yaml").read_bytes() == before


def test_a_bad_data_set_is_refused_and_the_old_one_stays(shop: Any, first: dict[str, Any], tmp_path: Path) -> None:
    bad = tmp_path / "tiny"
    shutil.copytree(shop.root / "data/tiny", bad)
    truncated = sorted((bad / "gear/train/good").iterdir())[0]
    truncated.write_bytes(truncated.read_bytes()[:200])
    shutil.copy(sorted((bad / "plate/train/good").iterdir())[0], bad / "plate/test/good/copy.png")
    done = shop.run("tocoad", "data", "add", str(bad), "--name", "tiny", "--replace")
    assert done.returncode == 1
    assert truncated.name in done.stderr and "truncated" in done.stderr
    assert "copy.png" in done.stderr
    assert "Traceback" not in done.stderr
    assert "up to date" in shop.run("dvc", "status").stdout


@pytest.fixture(scope="module")
def second_version(shop: Any, first: dict[str, Any]) -> dict[str, Any]:
    """The document of a retrain with another seed, a new image of `plate`, and a broken one of `gear`, now mended.

    The workspace lies elsewhere meanwhile.
    """
    broken = sorted((shop.root / "data/tiny/gear/train/good").iterdir())[0]
    kept = broken.read_bytes()
    broken.unlink()  # DVC may have linked it to its cache
    broken.write_bytes(kept[:200])
    extra = shop.root / "data/tiny/plate/train/good/extra.png"
    shutil.copy(sorted((shop.root / "data/tiny/plate/test/good").iterdir())[0], extra)
    for file in (shop.root / "data/tiny/plate/test/good").iterdir():
        if file.read_bytes() == extra.read_bytes():
            file.unlink()
    elsewhere = replace(shop, root=shop.root.rename(shop.root.with_name("moved to line_2")))
    document: dict[str, Any] = elsewhere.retrain("--set", "seed=1", code=1)
    assert not shop.root.exists(), "something was written where the workspace was"
    predicted = elsewhere.run("tocoad", "predict", "models:/tiny.plate/2", "data/tiny/plate/test/good")
    assert predicted.returncode == 0, predicted.stderr
    elsewhere.root.rename(shop.root)
    broken.write_bytes(kept)
    assert broken.name in document["categories"]["gear"]["error"]
    return document


def test_one_failing_category_stops_no_other(second_version: dict[str, Any]) -> None:
    gear, plate = second_version["categories"]["gear"], second_version["categories"]["plate"]
    assert gear["status"] == "failed"
    assert gear["error"].startswith("manifest: ")
    assert plate["status"] == "trained"
    assert plate["model"]["version"] == 2
    assert plate["decision"]["verdict"] in ("promoted", "kept")
    assert plate["decision"]["reasons"]


def test_another_seed_is_another_version_that_the_gate_judges(
    shop: Any, first: dict[str, Any], second_version: dict[str, Any]
) -> None:
    plate = second_version["categories"]["plate"]
    assert plate["weights_sha256"] != digests(first)["plate"]
    assert any("the champion's" in reason for reason in plate["decision"]["reasons"])
    promoted = plate["decision"]["verdict"] == "promoted"
    assert ("champion" in plate["model"]["aliases"]) == promoted
    status = json.loads(shop.run("tocoad", "status", "tiny", "--json").stdout)["categories"]
    assert status["plate"]["stale"] == []
    assert "stage1" in status["gear"]["stale"]
    assert status["plate"]["champion"]["version"] == (2 if promoted else 1)
    assert status["plate"]["previous"] == (1 if promoted else None)
    assert status["gear"]["champion"]["version"] == 1


def test_the_gate_knows_times_bytes_and_test_images_of_challenger_and_champion(
    shop: Any, second_version: dict[str, Any]
) -> None:
    ledger = [json.loads(line) for line in (shop.root / "work/tiny/ledger.jsonl").read_text().splitlines()]
    entry = next(entry for entry in ledger if (entry["model"], entry["version"]) == ("tiny.plate", 2))
    figures = {finding["name"]: finding["figures"] for finding in entry["findings"]}
    assert 0.2 < figures["latency"]["ratio"] < 5 and figures["latency"]["champion_ms"] > 0
    package = shop.root / "work/tiny/plate/tocoad/fit/detector"
    assert figures["size"]["challenger_bytes"] == sum(file.stat().st_size for file in package.iterdir())
    assert (figures["test images"]["good before"], figures["test images"]["good now"]) == (4, 3)
    assert figures["duplicates"] == {"images": 8, "duplicates": 0}


def test_champion_and_challenger_stand_side_by_side_on_the_page_and_with_the_run(
    shop: Any, second_version: dict[str, Any]
) -> None:
    folder = shop.root / "work/tiny/comparison/plate"
    record = json.loads((folder / "comparison.json").read_text())
    assert (record["challenger"]["version"], record["champion"]["version"]) == (2, 1)
    assert sum(kind["images"] for kind in record["kinds"]) == 8
    assert all(one["pictures"].keys() >= {"image", "champion", "challenger"} for one in record["changed"])
    files = {file.name for file in folder.iterdir()}
    assert files == {"comparison.json", *(name for one in record["changed"] for name in one["pictures"].values())}
    (kept,) = (shop.root / ".services/mlartifacts/tiny").glob("*/artifacts/comparison")
    assert {file.name for file in kept.iterdir()} == files
    page = (shop.root / "work/tiny/report/plate.html").read_text()
    assert "Is it better than the champion?" in page and not second_version["warnings"]


def test_a_failure_harms_no_champion_and_leaves_nothing_to_do_when_it_is_mended(
    shop: Any, first: dict[str, Any], second_version: dict[str, Any]
) -> None:
    mended = shop.retrain("--categories", "gear", "--set", "seed=0")["categories"]["gear"]
    assert mended["status"] == "up-to-date"
    assert mended["model"] == first["categories"]["gear"]["model"]
    assert mended["weights_sha256"] == digests(first)["gear"]
