"""What there is to look at: a workspace, its settings and its services, as far as each can be had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.addresses import Services
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import Settings


@dataclass(frozen=True)
class Case:
    """`settings` is None where the files are broken, `services` where nothing may be started, and all of them outside
    of a workspace.
    """

    workspace: Workspace | None = None
    settings: Settings | None = None
    services: Services | None = None

    @property
    def root(self) -> Path | None:
        return None if self.workspace is None else self.workspace.root
