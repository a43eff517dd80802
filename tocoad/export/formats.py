"""The formats of an export, a line each: what they need, what they are called, and who writes and runs them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tocoad.export.errors import ExportError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch.export import ExportedProgram

    from tocoad.package.detector import Prediction

Run = Callable[["NDArray[np.uint8]"], "Prediction"]
"""What was written, at work on images (B, S, S, 3)."""


@dataclass(frozen=True)
class Format:
    """`file` is the one to open; others may lie beside it. `module` has `write` and `opened`."""

    file: str
    module: str
    needs: tuple[str, ...]

    def write(self, program: ExportedProgram, metadata: Mapping[str, str], folder: Path) -> None:
        importlib.import_module(self.module).write(program, metadata, folder / self.file)

    def opened(self, folder: Path) -> Run:
        """Runs what `write` left there, with the runtime that it is meant for."""
        run: Run = importlib.import_module(self.module).opened(folder / self.file)
        return run


FORMATS: Mapping[str, Format] = {
    "onnx": Format("detector.onnx", "tocoad.export.onnx_file", ("onnx", "onnxscript", "onnxruntime")),
    "openvino": Format("detector.xml", "tocoad.export.openvino_file", ("onnx", "onnxscript", "openvino")),
    "torch": Format("detector.pt2", "tocoad.export.torch_file", ()),
}


def format_named(name: str) -> Format:
    """Raises ExportError where what it needs is not installed."""
    form = FORMATS[name]
    if missing := [package for package in form.needs if find_spec(package) is None]:
        raise ExportError(f"--format {name} needs {', '.join(missing)}: pip install 'tocoad[export]'")
    return form
