"""A category's evaluation, detector card and training curves as files, made up for tests of the report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tocoad.calibration.conformal import conformal_threshold
from tocoad.evaluation.comparison_files import Drawn
from tocoad.files.sealed import seal
from tocoad.files.workspace import Category, Workspace
from tocoad.gate.comparison import Comparison, Contestant, side_by_side
from tocoad.gate.records import Candidate
from tocoad.metrics.names import FURTHER_NAMES, METRIC_NAMES
from tocoad.report.evidence import Evidence
from tocoad.report.facts import Facts
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import METHODS, detector_dir, evaluation_dir, output_dir

THRESHOLD = 10.0
STEPS = range(1, 121)
SCALE = (4.0, 20.0)
FACTS = Facts(
    data_version="0123456789abcdef.dir",
    git_commit="c0ffee",
    verdicts={
        ("bolt", "tocoad"): [
            {"verdict": "promoted", "reasons": ["image_AUROC reaches the floor"], "version": 3, "time": "today"}
        ]
    },
    generated="2026-01-02 03:04 UTC",
)
# Scores by defect type: one bolt of 24 good ones is rejected, one crack of four is missed.
SCORES: Mapping[str, Sequence[float]] = {
    "good": [*(5 + 0.2 * i for i in range(23)), 10.5],
    "crack": [9.0, 12.0, 14.0, 16.0],
    "dent": [18.0, 19.0],
}


@dataclass
class Made:
    """What to make up. `scores` are by defect type, `good` among them. `collapse` is the collapse indicator after stage
    2's last step, `guide_rise` by how much D's loss rises over its steps; without `diagnostics` there is only the loss,
    and no file of distances, as earlier versions left it. `distance` is the median of the calibration distances.
    `processors` are those that both stages ran on.
    """

    scores: Mapping[str, Sequence[float]] = field(default_factory=lambda: SCORES)
    metrics: Mapping[str, float | None] = field(default_factory=lambda: dict.fromkeys(METRIC_NAMES, 0.9))
    spread: float = 0.02
    shift: float = 0.0
    resamples: int = 200
    evaluation_set: str = "e" * 64
    calibration: int = 27
    without_mask: int = 0
    curves: bool = True
    gallery: bool = True
    latency: bool = True
    losses: bool = True
    diagnostics: bool = True
    collapse: float = 0.97
    guide_rise: float = 0.0
    distance: float = 2.0
    processors: tuple[str, ...] = ()

    def images(self) -> list[tuple[str, str, int, float, bool]]:
        return [
            (f"test/{kind}/{number:03d}.png", kind, int(kind != "good"), float(score), score > THRESHOLD)
            for kind, scores in self.scores.items()
            for number, score in enumerate(scores)
        ]


def compared(evidence: Evidence) -> Comparison:
    """The page's detector, version 4, beside a champion of its own scores but two: it caught the first crack and
    rejected the first good bolt.
    """
    path = {kind: f"test/{kind}/000.png" for kind in ("crack", "good")}
    old = {
        path["crack"]: {"pred_score": 12.0, "pred_label": True},
        path["good"]: {"pred_score": 11.0, "pred_label": True},
    }
    images, report = evidence.judged.images, evidence.judged.report
    new = Candidate(
        metrics=report.metrics,
        evaluation_set=report.evaluation_set,
        replicates=evidence.judged.replicates,
        images=images,
        promise=report.threshold.promise,
    )
    champion = new.model_copy(
        update={"images": tuple(image.model_copy(update=old.get(image.image_path, {})) for image in images)}
    )
    return side_by_side(
        new,
        champion,
        Contestant(version=4, method="tocoad", package=evidence.package),
        Contestant(version=3, method="patchcore", package="0" * 64),
    )


def drawn() -> Drawn:
    """Pictures of an image that is judged otherwise."""
    panels = {"image": "image", "truth": "truth", "champion": "overlay", "challenger": "heat_map"}
    return Drawn((64, 48), {panel: _picture(like, 12.0) for panel, like in panels.items()})


def write_category(workspace: Workspace, category: Category, method: MethodName, made: Made) -> Path:
    """All files of one method; returns the evaluation's folder."""
    folder = evaluation_dir(workspace, category, method)
    (folder / "curves").mkdir(parents=True)
    defined = [name for name in METRIC_NAMES if made.metrics[name] is not None]
    draws = _draws(made, defined)
    (folder / "metrics.json").write_text(json.dumps(_report(made, draws)))
    columns = ("image_path", "defect_type", "gt_label", "pred_score", "pred_label")
    _table(folder / "predictions.csv", columns, ((*row[:4], int(row[4])) for row in made.images()))
    _table(folder / "replicates.csv", defined if made.resamples else [], zip(*draws.values(), strict=True))
    for name, columns in {
        "roc": ("fpr", "tpr"),
        "pr": ("recall", "precision"),
        "pixel_pr": ("recall", "precision"),
        "pro": ("fpr", "pro"),
    }.items():
        points = [(0.0, 0.0), (0.05, 0.8), (0.3, 1.0)] if name in ("roc", "pro") else [(0.5, 1.0), (1.0, 0.6)]
        _table(folder / "curves" / f"{name}.csv", columns, points if made.curves else [])
    if made.latency:
        document = {"device": "cpu", "threads": 1, "images": 30, "median_ms": 38.1, "p95_ms": 41.0}
        (folder / "latency.json").write_text(json.dumps(document))
    _gallery(folder / "gallery", made)
    _detector(detector_dir(workspace, category, method), category, method, made)
    if made.losses:
        _losses(workspace, category, method, made)
    if made.diagnostics:
        rows = ((f"{q / 100:.2f}", made.distance * (0.5 + q / 100)) for q in range(101))
        _table(detector_dir(workspace, category, method).with_name("distances.csv"), ("quantile", "distance"), rows)
    return folder


def _draws(made: Made, names: Sequence[str]) -> dict[str, list[float]]:
    noise = np.random.default_rng(0).normal(0.0, made.spread, (len(names), made.resamples))
    return {
        name: [float(value) for value in (made.metrics[name] or 0.0) + made.shift + noise[i]]
        for i, name in enumerate(names)
        if made.resamples
    }


def _report(made: Made, draws: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    images = made.images()
    threshold = _threshold(made)
    by_type = {k: float(np.mean([s > THRESHOLD for s in v])) for k, v in made.scores.items() if k != "good" and v}
    good = [image[4] for image in images if not image[2]]
    defective = [image[4] for image in images if image[2]]
    return {
        "metrics": dict(made.metrics),
        "intervals": {name: [float(q) for q in np.quantile(values, [0.025, 0.975])] for name, values in draws.items()},
        "further": dict.fromkeys(FURTHER_NAMES, 0.5),
        "threshold": {
            "image": THRESHOLD,
            "pixel": 9.0,
            "method": "conformal",
            "calibration_images": made.calibration,
            "requested_false_reject_rate": 0.05,
            "expected_false_reject_rate": threshold["expected_false_reject_rate"],
            "sufficient": threshold["sufficient"],
        },
        "at_threshold": {
            "false_reject_rate": float(np.mean(good)) if good else None,
            "recall": float(np.mean(defective)) if defective else None,
            "recall_by_defect_type": by_type,
        },
        "counts": {"good": len(good), "defective": len(defective), "without_mask": made.without_mask},
        "oracle_F1_threshold": 11.5 if good and defective else None,
        "pro_limit": 0.3,
        "resamples": made.resamples,
        "evaluation_set": made.evaluation_set,
    }


def _calibration(made: Made) -> list[float]:
    return [float(score) for score in np.linspace(5.0, THRESHOLD, made.calibration)]


def _threshold(made: Made) -> dict[str, Any]:
    return conformal_threshold(_calibration(made), 0.05).model_dump()


def _detector(package: Path, category: Category, method: str, made: Made) -> None:
    package.mkdir(parents=True)
    card = {
        "format": 1,
        "dataset": category.dataset,
        "category": category.name,
        "method": method,
        "model": "memory_bank",
        "architecture": {},
        "image_size": 256,
        "image_threshold": _threshold(made),
        "pixel_threshold": 9.0,
        "calibration": {"scores": _calibration(made), "scale": SCALE},
        "provenance": {
            "manifest_sha256": "a" * 64,
            "train_images": 180,
            "calibration_images": made.calibration,
            "settings": {"seed": 0, "bank": {"layers": [2, 3], "coreset": "exact"}, "encoder": {"path": None}},
            "versions": {"torch": "2.0"},
        },
    }
    (package / "detector.json").write_text(json.dumps(card))
    (package / "model.safetensors").write_bytes(b"0" * 200_000)


def _gallery(folder: Path, made: Made) -> None:
    folder.mkdir()
    rank = {"miss": 0, "false reject": 1, "caught": 2, "passed": 3}
    entries = []
    for path, kind, label, score, rejected in made.images() if made.gallery else []:
        outcome = ("caught" if rejected else "miss") if label else ("false reject" if rejected else "passed")
        entries.append((rank[outcome], path, kind, label, score, rejected, outcome))
    index = []
    for number, (_, path, kind, label, score, rejected, outcome) in enumerate(sorted(entries)):
        pictures = {}
        for panel in ("image", "truth", "heat_map", "overlay"):
            pictures[panel] = f"{number:03d}_{panel}.webp"
            (folder / pictures[panel]).write_bytes(_picture(panel, score))
        index.append(
            {
                "image_path": path,
                "defect_type": kind,
                "gt_label": label,
                "pred_label": rejected,
                "pred_score": score,
                "outcome": outcome,
                "size": [64, 48],
                "pictures": pictures,
            }
        )
    (folder / "index.json").write_text(json.dumps(index))


def _picture(panel: str, score: float) -> bytes:
    heat = min(int(score * 12), 255)
    ground = (20, 10, 40) if panel == "heat_map" else (150, 160, 170)
    picture = Image.new("RGB", (64, 48), ground)
    draw = ImageDraw.Draw(picture)
    if panel != "heat_map":
        draw.ellipse((12, 4, 52, 44), fill=(90, 100, 110))
    spot = {"truth": (60, 200, 80), "heat_map": (heat, heat // 2, 30), "overlay": (0, 220, 255)}.get(panel)
    if spot:
        draw.rectangle((26, 18, 38, 30), outline=spot, fill=spot if panel == "heat_map" else None)
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=80)
    return buffer.getvalue()


def _losses(workspace: Workspace, category: Category, method: MethodName, made: Made) -> None:
    for stage in METHODS[method].stages:
        if stage.name in ("stage1", "stage2"):
            folder = output_dir(workspace, category, method, stage)
            folder.mkdir(parents=True, exist_ok=True)
            table: dict[str, list[object]] = {"step": [*STEPS], "loss": [float(np.exp(-step / 40)) for step in STEPS]}
            if stage.name == "stage2" and made.diagnostics:
                table |= _diagnostics(made)
            _table(folder / "curves.csv", [*table], zip(*table.values(), strict=True))
            if made.processors:
                record = {"metrics": {}, "seconds": 2.5, "processors": made.processors}
                (folder / "record.json").write_text(seal(record))


def _diagnostics(made: Made) -> dict[str, list[object]]:
    """Figures of stage 2; the drift was measured at every twelfth step, and its other cells are empty."""
    steps = np.array(STEPS)
    # As on real data, D's loss varies from step to step by more than it drifts.
    guide = 0.02 * np.random.default_rng(1).uniform(0.5, 1.5, len(steps)) * (1 + made.guide_rise * steps / steps[-1])
    spread = np.linspace(1.0, made.collapse, len(steps))
    drift = {
        f"drift_level{level}": [f"{0.01 * level * step / 120:.6g}" if step % 12 == 0 else "" for step in STEPS]
        for level in (2, 3, 4)
    }
    return {"positive": [0.5] * len(steps), "discriminative": [*guide], "projection_std": [*spread], **drift}


def _table(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
