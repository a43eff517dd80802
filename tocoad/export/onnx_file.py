"""ONNX: one file, with the weights and the card in it; beyond 2 GB the weights lie beside it."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from tocoad.export.formats import Run
from tocoad.export.graph import INPUT, OUTPUTS
from tocoad.package.detector import Prediction

# Known to every runtime of the last years, and all that the graph needs.
_OPSET = 18


def write(program: ExportedProgram, metadata: Mapping[str, str], file: Path) -> None:
    with _quiet():
        made = torch.onnx.export(
            program,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert made is not None
    model = made.model
    # What the exporter notes beside every operation names files of this machine, and is half of a small model.
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.metadata_props.clear()
    model.metadata_props.update(metadata)
    model.producer_name, model.producer_version = "tocoad", metadata["tocoad.version"]
    made.save(file)


def opened(file: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.uint8]) -> Prediction:
        return Prediction(*session.run(OUTPUTS, {INPUT: images}))

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints and warns of what concerns its makers alone."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
