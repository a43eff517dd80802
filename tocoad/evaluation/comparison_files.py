"""The folder of a comparison: its record, and the pictures that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tocoad.errors import StageError
from tocoad.files.reading import read_document
from tocoad.files.replacing import replacing
from tocoad.gate.comparison import Comparison

RECORD_FILE = "comparison.json"


@dataclass(frozen=True)
class Drawn:
    """WebP pictures of one image and of one `size` (width, height), by what they show: `image`, `truth` where a mask
    tells it, and the heat maps of `champion` and `challenger`, each on its detector's own scale.
    """

    size: tuple[int, int]
    pictures: Mapping[str, bytes]


def write_comparison(folder: Path, comparison: Comparison, drawn: Mapping[str, Drawn]) -> None:
    """In place of what lay there; `drawn` has the pictures that there are, by the images' paths."""
    changed = []
    with replacing(folder) as incoming:
        for number, one in enumerate(comparison.changed):
            if (found := drawn.get(one.image_path)) is not None:
                names = {panel: f"{number:03d}_{panel}.webp" for panel in found.pictures}
                for panel, name in names.items():
                    (incoming / name).write_bytes(found.pictures[panel])
                one = one.model_copy(update={"size": found.size, "pictures": names})
            changed.append(one)
        record = comparison.model_copy(update={"changed": tuple(changed)})
        (incoming / RECORD_FILE).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_comparison(folder: Path) -> Comparison | None:
    """None where there is none, or none that can be read: it shows what was decided and decides nothing."""
    try:
        return read_document(Comparison, folder / RECORD_FILE, "evaluate")
    except StageError:
        return None
