"""From a detector package to a folder with the exported detector, which is checked before it is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tocoad.errors import SettingsError
from tocoad.export.agreement import Agreement, agreement, probes_of
from tocoad.export.errors import ExportError
from tocoad.export.formats import format_named
from tocoad.export.graph import INPUT, OUTPUTS, traced
from tocoad.export.metadata import metadata
from tocoad.files.replacing import replacing
from tocoad.package.card import DetectorCard
from tocoad.package.detector import load_detector
from tocoad.settings.sections import ComputeSettings

RECORD_FILE = "export.json"
STEPS = ("loading", "tracing", "writing", "checking")


@dataclass(frozen=True)
class Exported:
    """`file` is the one to open; `agreement` is how far it differs from the detector."""

    file: Path
    card: DetectorCard
    agreement: Agreement


def export_detector(
    package: Path, format_name: str, out: Path, begins: Callable[[str], None] = lambda step: None
) -> Exported:
    """Writes the detector into the folder `out`, which it replaces where an export lies there. `begins` hears of each
    of `STEPS`.

    Raises:
        ExportError: it cannot be written in this format, or gives other scores than the detector; `out` is as it was.
        SettingsError: something else lies in `out`.
    """
    form = format_named(format_name)
    _refuse_others(out)
    begins("loading")
    detector = load_detector(package, ComputeSettings(device="cpu"))
    card = detector.card
    if card.autocast:
        raise ExportError(
            f"the detector of {card.category} scores in bf16, which other runtimes round otherwise: "
            "train it with compute.autocast=false to export it"
        )
    images = probes_of(package, detector)
    begins("tracing")
    program = traced(detector)
    with replacing(out) as incoming:
        begins("writing")
        form.write(program, metadata(package, card), incoming)
        begins("checking")
        found = agreement(detector, form.opened(incoming), images)
        if not found.holds:
            raise ExportError(
                f"as {format_name} the detector of {card.category} differs on its {found.images} probes, {found}: "
                "nothing is written"
            )
        (incoming / RECORD_FILE).write_text(json.dumps(_record(format_name, form.file, card, found), indent=1) + "\n")
    return Exported(out / form.file, card, found)


def _refuse_others(out: Path) -> None:
    """The folder is replaced: nothing but an earlier export may lie in it."""
    if not out.exists():
        return
    if not out.is_dir():
        raise SettingsError(f"{out}: not a folder; give one to write the export into with --out")
    if out.resolve() == Path.cwd().resolve():
        raise SettingsError(f"{out}: the current folder would be replaced; give another with --out")
    names = {file.name for file in out.iterdir()}
    # Every format's files are called so; what a person has put beside an export must not go with it.
    others = [name for name in names - {RECORD_FILE} if not name.startswith("detector.")]
    if names and (RECORD_FILE not in names or others):
        raise SettingsError(
            f"{out}: something else lies in it, and it would be replaced; give another folder with --out"
        )


def _record(format_name: str, file: str, card: DetectorCard, found: Agreement) -> dict[str, Any]:
    """What a person reads, and what marks the folder as an export."""
    return {
        "format": format_name,
        "file": file,
        "input": {INPUT: ["batch", card.image_size, card.image_size, 3]},
        "outputs": list(OUTPUTS),
        "differs_from_the_detector_by": asdict(found),
        "card": card.model_dump(mode="json"),
    }
