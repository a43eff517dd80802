"""The templates, with the style sheet and the script that a page carries in itself."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tocoad.report import text

_FILTERS = (
    "percent",
    "percent_range",
    "figure",
    "figure_range",
    "signed",
    "signed_range",
    "score",
    "megabytes",
    "breakable",
)


def render(template: str, script: str, context: Mapping[str, Any], asks_its_server: bool = False) -> str:
    """The page `templates/<template>` with `context` and the one script that it runs; everything that is not `Markup`
    is escaped. The script may ask the server that the page came from, and no other, where that is said.
    """
    return _environment().get_template(template).render(_scripted(script, asks_its_server), **context)


@functools.cache
def _scripted(name: str, asks_its_server: bool) -> Mapping[str, Any]:
    script = _own(name)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Nothing is fetched from anywhere, and no script runs but this one. Styles stand at elements too: the charts'.
    allowed = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    images = "img-src data: blob:; connect-src 'self'" if asks_its_server else "img-src data:"
    return {
        "script": Markup(script),  # noqa: S704 - our own file
        "policy": f"default-src 'none'; {images}; {allowed}",
    }


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tocoad.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({name: getattr(text, name) for name in _FILTERS})
    environment.globals.update(
        counted=text.counted,
        listed=text.listed,
        apart=text.apart,
        style=Markup(_own("style.css")),  # noqa: S704 - our own file
    )
    return environment


def _own(name: str) -> str:
    return (files("tocoad.report") / "templates" / name).read_text(encoding="utf-8")
