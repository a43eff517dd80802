"""The pages of docs/reference that are made from the code."""

from __future__ import annotations

from pathlib import Path

from cli.main import parser
from infra.docs.commands_page import commands_page
from infra.docs.settings_page import settings_page
from tocoad.files.workspace import Workspace


def reference(root: Path) -> dict[str, str]:
    """Each page's text by its place in the repository."""
    return {
        "docs/reference/commands.md": commands_page(parser()),
        "docs/reference/settings.md": settings_page(Workspace(root)),
    }


def write_reference(root: Path) -> None:
    for place, text in reference(root).items():
        file = root / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"wrote {place}")
