"""The pictures of the report: the worst mistakes first, then the rest from hard to clear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tocoad.evaluation.evaluate import JudgedImage
from tocoad.evaluation.overlay import draw_panels, has_masks
from tocoad.evaluation.selection import spread
from tocoad.files.reading import damaged, read_document
from tocoad.pictures.heatmap import webp

if TYPE_CHECKING:
    from tocoad.package.card import DetectorCard

GALLERY_DIR, INDEX_FILE = "gallery", "index.json"
Outcome = Literal["miss", "false reject", "caught", "passed"]


class GalleryImage(BaseModel):
    """One image of the gallery. `size` is (width, height) of its pictures, whose file names are by panel: `image`,
    `truth` where it is known, `heat_map`, `overlay`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_path: str
    defect_type: str
    gt_label: int
    pred_label: bool
    pred_score: float
    outcome: Outcome
    size: tuple[int, int]
    pictures: dict[str, str]


_Index = TypeAdapter(list[GalleryImage])
_RIFF_HEAD = 8  # a WebP file begins with `RIFF` and the length of what follows


def outcome_of(gt_label: int, pred_label: bool) -> Outcome:
    if gt_label:
        return "caught" if pred_label else "miss"
    return "false reject" if pred_label else "passed"


def write_gallery(
    images: Sequence[JudgedImage], count: int, data_dir: Path, card: DetectorCard, folder: Path
) -> list[GalleryImage]:
    """Draws at most `count` images into `folder`, with their index; the folder is there even when it stays empty."""
    folder.mkdir()
    entries, masks = [], has_masks(images)
    for number, image in enumerate(worst_first(images, count)):
        pictures = {}
        panels = draw_panels(image, data_dir, card, masks)
        for panel, picture in panels.named().items():
            pictures[panel] = f"{number:03d}_{panel}.webp"
            (folder / pictures[panel]).write_bytes(webp(picture))
        height, width = panels.image.shape[:2]
        record = image.record
        entries.append(
            GalleryImage(
                image_path=record.path,
                defect_type=record.defect_type,
                gt_label=record.gt_label,
                pred_label=image.pred_label,
                pred_score=float(image.pred_score),
                outcome=outcome_of(record.gt_label, image.pred_label),
                size=(width, height),
                pictures=pictures,
            )
        )
    (folder / INDEX_FILE).write_bytes(_Index.dump_json(entries, indent=1) + b"\n")
    return entries


def read_gallery(folder: Path) -> list[GalleryImage]:
    """The entries in the order in which they are to be shown; empty where there is no gallery.

    Raises StageError where the index or one of its pictures is not whole.
    """
    file = folder / INDEX_FILE
    if not file.is_file():
        return []
    entries: list[GalleryImage] = read_document(list[GalleryImage], file, "evaluate")
    for picture in (folder / name for entry in entries for name in entry.pictures.values()):
        if not _is_whole(picture):
            raise damaged(picture, "missing or cut short", "evaluate")
    return entries


def _is_whole(picture: Path) -> bool:
    try:
        with picture.open("rb") as stream:
            head = stream.read(_RIFF_HEAD)
        return head[:4] == b"RIFF" and int.from_bytes(head[4:], "little") + _RIFF_HEAD == picture.stat().st_size
    except OSError:
        return False


def worst_first(images: Sequence[JudgedImage], count: int) -> list[JudgedImage]:
    """Misses from the lowest score, then false rejects from the highest, then a spread of the others over the defect
    types. Where not all mistakes fit, both kinds get their share.
    """
    misses = [image for image in images if outcome_of(image.record.gt_label, image.pred_label) == "miss"]
    rejects = [image for image in images if outcome_of(image.record.gt_label, image.pred_label) == "false reject"]
    misses.sort(key=lambda image: (image.pred_score, image.record.path))
    rejects.sort(key=lambda image: (-image.pred_score, image.record.path))
    few_rejects = min(len(rejects), max(count // 2, count - len(misses)))
    misses, rejects = misses[: count - few_rejects], rejects[:few_rejects]
    right = [image for image in images if bool(image.record.gt_label) == image.pred_label]
    return [*misses, *rejects, *spread(right, count - len(misses) - len(rejects))]
