"""OpenVINO without its reporter."""

from __future__ import annotations

import sys
from types import ModuleType


def silent_openvino() -> ModuleType:
    """The module `openvino`. It tells its makers of every import unless a file in the home directory forbids it; with
    their reporter out of reach it has a stand-in that tells nobody (openvino/tools/ovc/telemetry_utils.py).
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # an import of it fails from now on
    import openvino

    module: ModuleType = openvino
    return module
