"""`detector.json`: everything a detector is, apart from its tensors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator

from tocoad.calibration.conformal import Threshold
from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.files.sealed import seal, unseal_if_sealed
from tocoad.package.formats import FORMAT, as_present

CARD_FILE, MODEL_FILE, PROBES_FILE = "detector.json", "model.safetensors", "probes.zip"
REFERENCE_FILE = "reference.npz"
MAP_STEP = 4
_MODEL_SHA256 = "model_sha256"


class Provenance(BaseModel):
    """Where the detector comes from. No time and no machine: the same inputs give the same bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manifest_sha256: str
    train_images: int
    calibration_images: int
    settings: dict[str, Any]
    versions: dict[str, str]


class Calibration(BaseModel):
    """What the calibration normals said. `scale` is the category's fixed range of heat maps: (low, high)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: tuple[FiniteFloat, ...]
    scale: tuple[FiniteFloat, FiniteFloat]

    @field_validator("scale")
    @classmethod
    def _has_an_extent(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not scale[0] < scale[1]:
            raise ValueError(f"the lower end {scale[0]:g} is not below the upper end {scale[1]:g}")
        return scale


class Probe(BaseModel):
    """An image in `PROBES_FILE` and what the detector gave for it. Of the map, `map` there has every
    `MAP_STEP`-th value each way; the digest is of all its bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    map: str
    score: FiniteFloat
    map_sha256: str


class Probes(BaseModel):
    """What the detector gave for a few images when it was packaged, and on what: another processor rounds otherwise.

    `sha256` is of the file that has the images and maps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    device: Literal["cpu", "cuda"]
    processor: str
    images: tuple[Probe, ...] = Field(min_length=1)


class DetectorCard(BaseModel):
    """The content of `detector.json`.

    `model` names the class of networks (a key of `tocoad.package.detector.MODELS`) and `architecture` what it needs to
    be rebuilt without any source of weights. `serves` names all categories of the data set that share these networks,
    each with thresholds of its own; empty, and left out of the file, where they are this category's alone. `autocast`
    says that the thresholds are of scores in bf16, so that all scores are to be; left out where they are of float32.
    `depth` is how 16-bit files are read; left out where it is the default. `probes` are not in packages of format 1.
    `reference_sha256` is of the file that new images are compared with; it is not in packages of formats 1 and 2.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[3] = FORMAT
    dataset: str
    category: str
    serves: tuple[str, ...] = Field((), exclude_if=lambda names: not names)
    method: str
    model: str
    architecture: dict[str, Any]
    image_size: int
    depth: Depth = Field(FULL_DEPTH, exclude_if=lambda depth: depth == FULL_DEPTH)
    autocast: bool = Field(False, exclude_if=lambda on: not on)
    image_threshold: Threshold
    pixel_threshold: FiniteFloat
    calibration: Calibration
    provenance: Provenance
    probes: Probes | None = Field(None, exclude_if=lambda probes: probes is None)
    reference_sha256: str | None = Field(None, exclude_if=lambda digest: digest is None)


def write_card(folder: Path, card: DetectorCard) -> None:
    """Beside the tensors, whose digest the file has too."""
    document = {**card.model_dump(mode="json"), _MODEL_SHA256: model_sha256(folder)}
    (folder / CARD_FILE).write_text(seal(document), encoding="utf-8")


def read_card(folder: Path) -> tuple[DetectorCard, str | None]:
    """The card, of whatever format, and the digest of the tensors that it belongs to: None in packages of earlier
    versions.

    Raises:
        OSError: the file cannot be read.
        NewerCardError: it is of a format that came after this software.
        ValueError: it was cut or altered, or is no card.
    """
    file = folder / CARD_FILE
    document = as_present(unseal_if_sealed(file.read_bytes()), file)
    tensors = document.pop(_MODEL_SHA256, None)
    return DetectorCard.model_validate(document), tensors


def model_sha256(folder: Path) -> str:
    with (folder / MODEL_FILE).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def package_sha256(folder: Path) -> str:
    """One digest over the package: its card, which has those of probes and reference, and its tensors."""
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (CARD_FILE, MODEL_FILE)]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()
