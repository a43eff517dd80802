"""torch's own format (`torch.export`): a zip of the graph as JSON and of the weights' bytes, without a pickle.

`torch.export.load(file).module()` needs torch alone, neither timm nor this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from tocoad.export.formats import Run
from tocoad.package.detector import Prediction


def write(program: ExportedProgram, metadata: Mapping[str, str], file: Path) -> None:
    # The example would be pickled.
    program.example_inputs = None
    torch.export.save(program, file, extra_files=dict(metadata))


def opened(file: Path) -> Run:
    module = torch.export.load(file).module()

    def run(images: NDArray[np.uint8]) -> Prediction:
        with torch.inference_mode():
            return Prediction(*(found.numpy() for found in module(torch.from_numpy(images))))

    return run
