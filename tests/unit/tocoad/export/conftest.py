"""A package of every kind of networks, and what it is as each format: they take seconds, and are made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from exportable import MODELS, save_exportable

from tocoad.export.formats import FORMATS
from tocoad.export.graph import traced
from tocoad.export.metadata import metadata
from tocoad.export.openvino_file import write_from_onnx
from tocoad.package.detector import load_detector
from tocoad.settings.sections import ComputeSettings


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By method."""
    root = tmp_path_factory.mktemp("packages")
    return {method: save_exportable(root / method, method) for method in MODELS}


@pytest.fixture(scope="session")
def written(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The folder of every method as every format."""
    root = tmp_path_factory.mktemp("written")
    folders = {}
    for method, package in packages.items():
        detector = load_detector(package, ComputeSettings(device="cpu"))
        program = traced(detector)
        for name, form in FORMATS.items():
            folder = root / f"{method}-{name}"
            folder.mkdir()
            said = metadata(package, detector.card)
            if name == "openvino":  # as it would write it, without making the ONNX file once more
                write_from_onnx(folders[method, "onnx"] / FORMATS["onnx"].file, said, folder / form.file)
            else:
                form.write(program, said, folder)
            folders[method, name] = folder
    return folders
