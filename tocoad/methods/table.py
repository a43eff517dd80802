"""The methods there are, a line each: its name, and the object in its folder that says all of it.

Their order is that of `params.yaml`, `dvc.yaml` and the command line. To add a method, add a folder and a line, then
run `python -m tocoad graph`.
"""

from __future__ import annotations

from collections.abc import Mapping

# As text, so that whoever wants the names alone does not import the methods.
TABLE: Mapping[str, str] = {
    "tocoad": "tocoad.methods.tocoad.method:TOCOAD",
    "recontrast": "tocoad.methods.recontrast.method:RECONTRAST",
    "recontrast_unified": "tocoad.methods.recontrast.method:RECONTRAST_UNIFIED",
    "patchcore": "tocoad.methods.patchcore.method:PATCHCORE",
}
