"""What `make serve` has its server do by itself, on a real one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

SERVE = Path(__file__).resolve().parents[3] / "infra" / "prefect" / "serve.py"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


class Asked:
    """In the place of the terminal: nobody stops it."""

    def pause(self, seconds: float) -> None: ...


def test_started_again_it_installs_each_automation_once_and_what_was_switched_off_stays_so(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("serve", SERVE)
    assert spec is not None and spec.loader is not None
    serve = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "serve", serve)
    spec.loader.exec_module(serve)
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    def installed() -> list[dict[str, Any]]:
        answer = httpx.post(f"{prefect_server}/automations/filter", json={}, trust_env=False).raise_for_status()
        return [one for one in answer.json() if one["name"] == "tocoad-zombies"]

    serve._install_automations(Asked())
    (first,) = installed()
    assert first["enabled"] and first["trigger"]["within"] == 90
    change = httpx.patch(f"{prefect_server}/automations/{first['id']}", json={"enabled": False}, trust_env=False)
    change.raise_for_status()
    serve._install_automations(Asked())
    (second,) = installed()
    assert (second["id"], second["enabled"]) == (first["id"], False)
