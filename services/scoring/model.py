"""The detector of a batch as who leads it sees it: its card, and that it is whole. Its networks are for the workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tocoad.errors import StageError, first_line
from tocoad.package.card import DetectorCard, model_sha256, package_sha256, read_card


@dataclass(frozen=True)
class Model:
    """A package at hand; `name` is what the user typed, `digest` that of the whole package."""

    name: str
    folder: Path
    card: DetectorCard
    digest: str


def model_in(folder: Path, name: str) -> Model:
    """Raises StageError where it is no whole package, or of a format that came after this software."""
    try:
        card, tensors = read_card(folder)
        if tensors not in (None, model_sha256(folder)):
            raise ValueError("its tensors are not those that were saved")
        return Model(name, folder.resolve(), card, package_sha256(folder))
    except (OSError, ValueError) as error:
        raise StageError(f"{folder} is no whole detector package ({first_line(error)}): get it again") from None
