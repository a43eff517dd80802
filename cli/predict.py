"""`tocoad predict`: scores, labels and maps of image files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cli.command import Subparsers, add_command, path, whole
from cli.document import print_document
from cli.streams import print_error
from cli.workspace import workspace_here
from tocoad.errors import error_line, tell

if TYPE_CHECKING:
    from tocoad.package.card import DetectorCard
    from tocoad.predict.files import FilePrediction, Found

Row = dict[str, Any]


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
    command.add_argument("sources", metavar="IMAGE_OR_FOLDER", nargs="+", type=path, help="images, or folders of them")
    command.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="write an overlay (PNG) and the raw map (TIFF) of each, under its own path: SUB/part.jpg.overlay.png",
    )
    command.add_argument(
        "--threads",
        type=whole("a number of threads", 1),
        metavar="N",
        help="images at once, each on a core (default: all cores, or OMP_NUM_THREADS)",
    )
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")


def _predict(options: argparse.Namespace) -> int:
    from services.mlflow.models import detector_folder
    from tocoad.data.threads import cores
    from tocoad.files.versioned import refuse_versioned
    from tocoad.package.detector import load_detector
    from tocoad.predict.files import find_images, predict_files
    from tocoad.stages.bars import progress_bars

    found = find_images(options.sources, options.out)
    _name_others(found)
    workspace = workspace_here()
    if options.out is not None:
        refuse_versioned(options.out, workspace)
        options.out.mkdir(parents=True, exist_ok=True)
    with detector_folder(options.model, workspace) as folder:
        detector = load_detector(folder)
    rows: list[Row] = []
    fault = None
    try:
        with progress_bars() as bars:
            scored = predict_files(detector, found.images, options.out, options.threads or cores())
            for prediction in bars.track(scored, total=len(found.images), description="predicting"):
                rows.append(_row(prediction))
    except Exception as error:
        if not rows:
            raise
        fault = error
    finally:
        # What was scored before an interruption or a fault is told too: it may have taken hours.
        if rows:
            _show(options, detector.card, rows, found, fault)
    if fault is not None:
        return tell(fault, options.debug)
    return 1 if any("error" in row for row in rows) else 0


def _name_others(found: Found) -> None:
    from tocoad.data.listing import first_names
    from tocoad.text.printable import printable

    if found.others:
        names = printable(first_names(str(file) for file in found.others))
        count = len(found.others)
        print(f"warning: {count} left out, no image of a known type (png, jpg, bmp, tif): {names}", file=sys.stderr)


def _row(prediction: FilePrediction) -> Row:
    from tocoad.text.printable import encodable

    file = prediction.found.file
    row: Row = {"image_path": encodable(str(file))}
    row |= {"pred_score": prediction.pred_score, "pred_label": prediction.pred_label}
    row |= {name: encodable(str(written)) for name, written in prediction.written.items()}
    if prediction.error is not None:
        row["error"] = prediction.error
        print_error(f"{file}: {prediction.error}")
    return row


def _show(
    options: argparse.Namespace, card: DetectorCard, rows: Sequence[Row], found: Found, fault: Exception | None
) -> None:
    from cli.render import prediction_table
    from tocoad.text.printable import encodable

    if not options.json:
        prediction_table(rows, card.image_threshold)
        return
    document = {
        "model": encodable(options.model),
        "serves": card.serves or (card.category,),
        "threshold": card.image_threshold.model_dump(),
        "images": len(found.images),
        "left_out": [encodable(str(file)) for file in found.others],
        "predictions": rows,
        "error": None if fault is None else error_line(fault),
    }
    print_document(document)
