"""What an exported detector says of itself, as text in the file: its thresholds, and the whole card."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from tocoad.package.card import DetectorCard, package_sha256

CARD = "tocoad.card"


def metadata(package: Path, card: DetectorCard) -> dict[str, str]:
    """Numbers as Python writes them, which is exact."""
    low, high = card.calibration.scale
    said = {
        "version": version("tocoad"),
        "package_sha256": package_sha256(package),
        "dataset": card.dataset,
        "category": card.category,
        "method": card.method,
        "image_size": str(card.image_size),
        "image_threshold": repr(card.image_threshold.value),
        "pixel_threshold": repr(card.pixel_threshold),
        "scale_low": repr(low),
        "scale_high": repr(high),
    }
    return {**{f"tocoad.{key}": value for key, value in said.items()}, CARD: card.model_dump_json()}
