"""What a flow must know of signals: what is not to be torn, and whether one of them ended it."""

from __future__ import annotations

from services.interrupts import covered, held

__all__ = ["covered", "held"]
