from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tocoad.data.naming import LONGEST_NAME, NAME_MAX
from tocoad.evaluation import stage
from tocoad.evaluation.evaluate import evaluate_detector
from tocoad.evaluation.files import read_candidate
from tocoad.evaluation.maps import save_maps
from tocoad.files.workspace import Category
from tocoad.settings.sections import EvaluationSettings, Settings
from tocoad.stages.stage import StageContext, StageRecord


def _run(images: Any, detector: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, overlays: int = 4) -> StageRecord:
    monkeypatch.setattr(stage, "load_detector", lambda package, compute: detector)
    for name in ("manifest", "detector", "out"):
        (folder / name).mkdir(parents=True)
    images.data_dir.mkdir(exist_ok=True)
    images.manifest().save(folder / "manifest" / "test.json")
    context = StageContext(
        owner=Category("toys", "block"),
        method="patchcore",
        settings=Settings(evaluation=EvaluationSettings(overlays=overlays, gallery=3)),
        params=("scoring", "evaluation", "compute"),
        data_dir=images.data_dir,
        inputs={"manifest": folder / "manifest", "detector": folder / "detector"},
        output_dir=folder / "out",
        checkpoint_dir=folder / "checkpoint",
        cache_dir=folder / "cache",
    )
    return stage.evaluate(context)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_figures_tables_and_pictures_appear(
    category: Any, detector: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = _run(category, detector, tmp_path, monkeypatch)
    assert list(_tree(tmp_path / "out")) == [
        "curves/pixel_pr.csv",
        "curves/pr.csv",
        "curves/pro.csv",
        "curves/roc.csv",
        *(f"gallery/{i:03d}_{panel}.webp" for i in range(3) for panel in ("heat_map", "image", "overlay", "truth")),
        "gallery/index.json",
        "latency.json",
        "metrics.json",
        "overlays/000_good_002.png",
        "overlays/001_good_000.png",
        "overlays/002_scratch_001.png",
        "overlays/003_stain_000.png",
        "overlays/overview.png",
        "predictions.csv",
        "replicates.csv",
    ]
    assert record.metrics == read_candidate(tmp_path / "out").metrics


def test_two_runs_give_the_same_bytes(
    category: Any, detector: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        _run(category, detector, tmp_path / name, monkeypatch)
    one, two = (_tree(tmp_path / name / "out") for name in ("one", "two"))
    # No two measurements of time are the same.
    assert one.pop("latency.json") and two.pop("latency.json")
    assert one == two


@pytest.mark.parametrize("overlays", [0, 4])
def test_an_empty_test_split_is_no_error(
    images: Any, detector: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlays: int
) -> None:
    record = _run(images, detector, tmp_path, monkeypatch, overlays)
    assert set(record.metrics.values()) == {None}
    assert set(_tree(tmp_path / "out")) == {
        *(f"curves/{name}.csv" for name in ("pixel_pr", "pr", "pro", "roc")),
        "gallery/index.json",
        "latency.json",
        "metrics.json",
        "predictions.csv",
        "replicates.csv",
    }
    assert (tmp_path / "out" / "overlays").is_dir()


def test_the_longest_names_that_are_accepted_can_be_written(
    images: Any, detector: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defect_type, stem = "T" * NAME_MAX, "ü" * ((LONGEST_NAME - len(".png")) // 2)
    images.add("good/000", 20)
    images.add(f"{defect_type}/{stem}", 200, mask=True)
    images.add(f"{defect_type}/{stem}", 210, suffix=".bmp")
    _run(images, detector, tmp_path, monkeypatch)
    overlays = {file.name for file in (tmp_path / "out/overlays").iterdir()} - {"overview.png"}
    assert len(overlays) == 3 and f"000_{defect_type}"[: NAME_MAX - len(".png")] + ".png" in overlays
    evaluation = evaluate_detector(detector, images.manifest(), images.data_dir, Settings())
    assert len(set(save_maps(evaluation.images, tmp_path))) == 3
