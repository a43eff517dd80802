"""Run in a workspace, with a tree of packages that has the method: stages, report, predict, registry."""

from __future__ import annotations

import json
from pathlib import Path

from toys import DISC, draw_toys

from services.addresses import configure
from services.mlflow.package_check import check_package
from services.mlflow.registry import PACKAGE_TAG
from services.mlflow.tracking import Tracking
from services.reports import dataset_report
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.settings.file import override
from tocoad.settings.planning import plan_categories
from tocoad.stages.graph import detector_dir, evaluation_dir, jobs_of
from tocoad.stages.running import run_stage

SETTINGS = {
    "image.size": "64",
    "split.train_min": "2",
    "split.calibration_min": "4",
    "encoder.name": "resnet18",
    "encoder.weights": "none",
    "evaluation.bootstrap": "20",
    "distance.power": "2",
}


def walk() -> None:
    workspace = draw_toys(Path.cwd())
    plan_categories(workspace, "toys", ["disc"], "tiny", SETTINGS)
    params = override(workspace, {})
    assert params.plan.method(DISC) == "tiny"
    for job in jobs_of(DISC, "tiny"):
        run_stage(workspace, job.owner, job.method, job.stage.name, params.settings)

    package = detector_dir(workspace, DISC, "tiny")
    image = load_images([workspace.data_dir(DISC) / "test/scratch/030.png"], 64, FULL_DEPTH)
    prediction = load_detector(package).predict(image)

    services = configure(workspace)
    tracking = Tracking(services)
    registry = tracking.registry()
    with tracking.run(tracking.experiment("toys"), "disc") as run:
        tags = {PACKAGE_TAG: package_sha256(package), "method": "tiny"}
        version = registry.register(DISC.model_name, run, package, image[0], tags)
    check_package(registry, version)  # loads it in a process of its own
    index = dataset_report(workspace, "toys", ["disc"]).index
    card = json.loads((package / "detector.json").read_text())
    report = json.loads((evaluation_dir(workspace, DISC, "tiny") / "metrics.json").read_text())
    found = {
        "model": card["model"],
        "settings": card["provenance"]["settings"]["distance"],
        "label": bool(prediction.pred_label[0]),
        "image_AUROC": report["metrics"]["image_AUROC"],
        "version": version.version,
        "page": index.with_name("disc.html").read_text(),
    }
    Path("found.json").write_text(json.dumps(found))


walk()
