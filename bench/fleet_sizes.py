"""How many categories the fleets of the benchmarks have."""

from __future__ import annotations

import os

LARGEST = int(os.environ.get("TOCOAD_FLEET_LARGEST", "1000"))
FITTED = (*(size for size in (10, 100) if size < LARGEST), LARGEST)
