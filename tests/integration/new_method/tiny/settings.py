from __future__ import annotations

from pydantic import Field

from tocoad.settings.base import Section


class DistanceSettings(Section):
    power: float = Field(1.0, gt=0)


class TinySettings(Section):
    distance: DistanceSettings = DistanceSettings()
