"""What the `synthesize` stage leaves for others, and the way back in.

synthesis.json                     kind, the rule behind it, the generators, the images in the order of the masks
foreground.npy                     one packed bit a pixel, training images in the manifest's order;
                                   empty where anomalies may lie anywhere
validation_other/NNN.png, NNN_mask.png     held-out normals, anomalies of another generator than the training's
validation_same/NNN.png, NNN_mask.png      the same normals, anomalies of the training's generator
preview.png                        for a person to look at
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from pydantic import BaseModel, ConfigDict

from tocoad.files.reading import damaged, read_document
from tocoad.settings.sections import GeneratorSettings
from tocoad.synthesis.augment import Image
from tocoad.synthesis.foreground import Kind, Threshold
from tocoad.synthesis.placement import Mask

SYNTHESIS_FILE = "synthesis.json"
FOREGROUND_FILE = "foreground.npy"
PREVIEW_FILE = "preview.png"
# A quarter of the default level's time, a sixth more bytes.
PNG_LEVEL = 1

ValidationName = Literal["other", "same"]


class SynthesisDescription(BaseModel):
    """`synthesis.json`. In `train` and `validation` the content `auto` is resolved; `textures` is their number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    threshold: Threshold
    bright: bool
    size: int
    images: tuple[str, ...]
    validation_images: tuple[str, ...]
    train: GeneratorSettings | tuple[GeneratorSettings, ...]
    validation: GeneratorSettings
    textures: int


@dataclass(frozen=True)
class SynthesisOutput:
    """`foreground`: where anomalies may lie, training images in the manifest's order, bool `(N, S, S)`.

    The validation sets are images uint8 `(V, S, S, 3)` with masks bool `(V, S, S)`, empty for those that stayed clean.
    """

    kind: Kind
    foreground: Mask
    validation_other: tuple[Image, Mask]
    validation_same: tuple[Image, Mask]


def save_description(folder: Path, description: SynthesisDescription) -> None:
    (folder / SYNTHESIS_FILE).write_text(description.model_dump_json(indent=1) + "\n", encoding="utf-8")


def save_foreground(folder: Path, foreground: Mask | None) -> None:
    """An empty array for None: anomalies may lie anywhere. DVC wants the file in either case."""
    masks = np.empty((0, 0, 0), np.bool_) if foreground is None else foreground
    np.save(folder / FOREGROUND_FILE, np.packbits(masks, axis=-1), allow_pickle=False)


def save_validation(folder: Path, name: ValidationName, images: Image, gt_masks: Mask) -> None:
    target = folder / f"validation_{name}"
    target.mkdir()
    for number, (image, gt_mask) in enumerate(zip(images, gt_masks, strict=True)):
        PillowImage.fromarray(image).save(target / f"{number:03d}.png", compress_level=PNG_LEVEL)
        PillowImage.fromarray(gt_mask).save(target / f"{number:03d}_mask.png")


def load_synthesis(folder: Path) -> SynthesisOutput:
    """The output folder of the stage `synthesize`, read back. StageError where a file is missing or damaged."""
    description = read_document(SynthesisDescription, folder / SYNTHESIS_FILE, "synthesize")
    count = len(description.validation_images)
    return SynthesisOutput(
        kind=description.kind,
        foreground=_load_foreground(folder, description),
        validation_other=_load_validation(folder, "other", count),
        validation_same=_load_validation(folder, "same", count),
    )


def _load_foreground(folder: Path, description: SynthesisDescription) -> Mask:
    count, size = len(description.images), description.size
    try:
        packed = np.load(folder / FOREGROUND_FILE, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise damaged(folder / FOREGROUND_FILE, error, "synthesize") from None
    if packed.size == 0:
        return np.ones((count, size, size), dtype=np.bool_)
    if packed.dtype != np.uint8 or packed.shape != (count, size, -(-size // 8)):
        raise damaged(folder / FOREGROUND_FILE, "not the masks of the images", "synthesize")
    return np.unpackbits(packed, axis=-1, count=size).view(np.bool_)


def _load_validation(folder: Path, name: ValidationName, count: int) -> tuple[Image, Mask]:
    files = [folder / f"validation_{name}" / f"{number:03d}" for number in range(count)]
    images = np.stack([_load_png(file.with_name(f"{file.name}.png")) for file in files])
    gt_masks = np.stack([_load_png(file.with_name(f"{file.name}_mask.png")) for file in files])
    return images, gt_masks


def _load_png(file: Path) -> NDArray[Any]:
    try:
        return np.asarray(PillowImage.open(file))
    except (OSError, ValueError, SyntaxError) as error:
        raise damaged(file, error, "synthesize") from None
