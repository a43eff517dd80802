"""`tocoad export`: a detector for another runtime."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, path
from cli.document import print_document
from cli.workspace import workspace_here
from tocoad.export.formats import FORMATS

if TYPE_CHECKING:
    from tocoad.export.write import Exported


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "export",
        _export,
        "write a detector for another runtime, checked against the detector",
        "tocoad export models:/sample.gear@champion --format onnx --out gear-onnx",
    )
    command.add_argument("model", metavar="MODEL", help="a detector folder, or models:/NAME.CATEGORY@champion")
    command.add_argument(
        "--format",
        choices=tuple(FORMATS),
        required=True,
        help="ONNX, OpenVINO's .xml and .bin, or torch.export's .pt2",
    )
    command.add_argument(
        "--out", type=path, metavar="DIR", required=True, help="the folder to write; an earlier export is replaced"
    )
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not two lines")


def _export(options: argparse.Namespace) -> int:
    from services.mlflow.models import detector_folder
    from tocoad.export.write import STEPS, export_detector
    from tocoad.files.versioned import refuse_versioned
    from tocoad.stages.bars import progress_bars

    workspace = workspace_here()
    refuse_versioned(options.out, workspace)
    with detector_folder(options.model, workspace) as package, progress_bars() as bars:
        task = bars.add_task(f"exporting as {options.format}", total=len(STEPS))

        def begins(step: str) -> None:
            bars.update(task, completed=STEPS.index(step), figures=step)

        exported = export_detector(package, options.format, options.out, begins)
    _show(options, exported)
    return 0


def _show(options: argparse.Namespace, exported: Exported) -> None:
    from dataclasses import asdict

    from tocoad.text.printable import encodable, printable

    card, found = exported.card, exported.agreement
    if options.json:
        document = {
            "model": encodable(options.model),
            "category": card.category,
            "format": options.format,
            "file": encodable(str(exported.file)),
            "differs_from_the_detector_by": asdict(found),
        }
        print_document(document)
        return
    print(printable(f"{card.category} ({card.dataset}, {card.method}): {exported.file}"))
    print(f"differs from the detector on {found.images} images: {found}")
