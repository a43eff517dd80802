"""Which rules there are. A new one is a file beside this and a line here."""

from __future__ import annotations

from tocoad.gate.case import Rule
from tocoad.gate.records import Verdict
from tocoad.gate.rules.defect_types import defect_types
from tocoad.gate.rules.duplicates import duplicates
from tocoad.gate.rules.false_rejects import false_rejects
from tocoad.gate.rules.floors import image_AUROC_floor, pixel_AUROC_floor
from tocoad.gate.rules.latency import latency
from tocoad.gate.rules.non_regression import non_regression
from tocoad.gate.rules.parity import parity
from tocoad.gate.rules.shrinkage import shrinkage
from tocoad.gate.rules.size import size

# What any version has to hold, a champion that is judged anew too.
FLOORS: tuple[tuple[Rule, Verdict], ...] = ((image_AUROC_floor, "rejected"), (pixel_AUROC_floor, "rejected"))
# In the order in which they are judged: the verdict is that of the first rule that fails.
RULES: tuple[tuple[Rule, Verdict], ...] = (
    (parity, "rejected"),
    (duplicates, "rejected"),
    *FLOORS,
    (shrinkage, "kept"),
    (false_rejects, "kept"),
    (defect_types, "kept"),
    (non_regression, "kept"),
    (latency, "kept"),
    (size, "kept"),
)
