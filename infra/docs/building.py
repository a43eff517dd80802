"""Sphinx, run on the repository's pages."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from infra.docs.pages import PageError, write_source

_SETTINGS = Path(__file__).resolve().parent


def build(root: Path, target: Path, builder: str = "html") -> int:
    """The site in `target`; beside it, in a folder of its own, what it is made of. 0 where there was no warning."""
    beside = target.with_name(f"{target.name}-source")
    try:
        write_source(root, beside)
    except PageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    kept = ["--doctree-dir", str(target.with_name(f"{target.name}-doctrees"))]
    code = build_main(
        ["-b", builder, "-c", str(_SETTINGS), "--fail-on-warning", "--quiet", *kept, str(beside), str(target)]
    )
    if code == 0 and builder == "html":
        print(f"the site is in {target}: open index.html")
    return code
