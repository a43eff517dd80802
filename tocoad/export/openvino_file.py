"""OpenVINO's own format, an .xml and a .bin, by its reader of ONNX, which needs no converter."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.export import ExportedProgram

from tocoad.export import onnx_file
from tocoad.export.formats import Run
from tocoad.export.graph import INPUT, OUTPUTS
from tocoad.export.silent_openvino import silent_openvino
from tocoad.package.detector import Prediction


def write(program: ExportedProgram, metadata: Mapping[str, str], file: Path) -> None:
    with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
        onnx = Path(scratch) / "detector.onnx"
        onnx_file.write(program, metadata, onnx)
        write_from_onnx(onnx, metadata, file)


def write_from_onnx(onnx: Path, metadata: Mapping[str, str], file: Path) -> None:
    openvino = silent_openvino()
    model = openvino.Core().read_model(onnx)
    for key, value in metadata.items():
        model.set_rt_info(value, key.split("."))
    # By default the weights are halved to 16 bits, and scores differ in the third digit.
    openvino.save_model(model, file, compress_to_fp16=False)


def opened(file: Path) -> Run:
    openvino = silent_openvino()
    # Else a processor with bf16 of its own is given bf16.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(file, "CPU", settings)

    def run(images: NDArray[np.uint8]) -> Prediction:
        found = compiled({INPUT: images})
        return Prediction(*(np.array(found[name]) for name in OUTPUTS))

    return run
