"""The page at `/`, where a person drops a picture and sees what the detector makes of it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import HTMLResponse

from services.serving.served import Served
from tocoad.report.render import render


def page(served: Mapping[str, Served]) -> HTMLResponse:
    """Whole in itself; it asks this server alone."""
    text = render("serve.html.j2", "serve.js", {"categories": [*served.values()]}, asks_its_server=True)
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})
