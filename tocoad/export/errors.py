"""What an export is refused for."""

from __future__ import annotations

from tocoad.errors import StageError


class ExportError(StageError):
    """The detector cannot be written in this format, or what was written differs from it; one line."""
