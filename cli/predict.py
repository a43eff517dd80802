"""`tocoad predict`: scores, labels and maps of image files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cli.command import Subparsers, add_command
from cli.workspace import workspace_here


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "predict",
        _predict,
        "score and label images, and draw where they are anomalous",
        "tocoad predict models:/sample.gear@champion data/sample/gear/test --out predictions",
    )
    command.add_argument("model", metavar="MODEL", help="a detector folder, or models:/NAME.CATEGORY@champion")
    command.add_argument("sources", metavar="IMAGE_OR_FOLDER", nargs="+", type=Path, help="images, or folders of them")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="write an overlay (PNG) and the raw map (TIFF) of each"
    )
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")


def _predict(options: argparse.Namespace) -> int:
    from cli.render import prediction_table
    from tasks.models import detector_folder
    from tocoad.package.detector import load_detector
    from tocoad.package.files import find_images, predict_files, save_prediction
    from tocoad.progress import progress_bars

    files = find_images(options.sources)
    with detector_folder(options.model, workspace_here()) as folder:
        detector = load_detector(folder)
    rows, errors = [], 0
    with progress_bars() as bars:
        for prediction in bars.track(predict_files(detector, files), total=len(files), description="predicting"):
            row: dict[str, Any] = {"image_path": str(prediction.file), "pred_score": prediction.pred_score}
            row["pred_label"] = prediction.pred_label if prediction.error is None else None
            if prediction.error is not None:
                errors += 1
                row["error"] = prediction.error
                print(f"error: {prediction.file}: {prediction.error}", file=sys.stderr)
            elif options.out is not None:
                row |= save_prediction(prediction, detector.card, options.out)
            rows.append(row)
    threshold = detector.card.image_threshold
    if options.json:
        card = detector.card
        document = {
            "model": options.model,
            "serves": card.serves or (card.category,),
            "threshold": threshold.model_dump(),
            "predictions": rows,
        }
        json.dump(document, sys.stdout, indent=1)
        print()
    else:
        prediction_table(rows, threshold)
    return 1 if errors else 0
