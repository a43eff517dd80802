"""How long the detector takes for an image; a measurement of one machine, so it stands apart from the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from tocoad.files.sealed import seal, unseal_if_sealed

LATENCY_FILE = "latency.json"


class Latency(BaseModel):
    """Milliseconds from the pixels of one image of the detector's size to its score and map; decoding not included.

    `median_ms` and `p95_ms` are over the test images, each taken as the mean of its batch; None without images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str
    threads: int
    images: int
    median_ms: float | None
    p95_ms: float | None

    @classmethod
    def of(cls, seconds: Sequence[float], device: str, threads: int) -> Latency:
        middle, high = (
            (round(float(q) * 1e3, 2) for q in np.quantile(seconds, [0.5, 0.95])) if seconds else (None, None)
        )
        return cls(device=device, threads=threads, images=len(seconds), median_ms=middle, p95_ms=high)


def write_latency(folder: Path, latency: Latency) -> None:
    (folder / LATENCY_FILE).write_text(seal(latency.model_dump(mode="json")), encoding="utf-8")


def read_latency(folder: Path) -> Latency | None:
    """What the last evaluation on this machine measured.

    None where the results came from elsewhere (DVC's cache), and where the file is damaged.
    """
    try:
        return Latency.model_validate(unseal_if_sealed((folder / LATENCY_FILE).read_bytes()))
    except (OSError, ValueError):
        return None
