"""A registry that goes away while a version is registered and judged: whichever request it is, nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.addresses import configure
from services.mlflow.calls import AwayError, connect
from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from tests.helpers.gate import Gate
from tests.helpers.registering import make_shop
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

# Of a better version than the champion, in this order: its package, the version, the alias `challenger`, the verdict,
# `previous`, `challenger` again, `champion`, and what the version says of itself.
REQUESTS = (
    "search_model_versions",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "create_model_version",
    "set_registered_model_alias",
    "create_model_version",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_registered_model_alias",
    "set_model_version_tag",
)


@contextmanager
def away_at(client: Any, request: str, gate: Gate) -> Iterator[None]:
    """The server goes away with the first such request, and is back after the block."""
    ask = getattr(client, request)

    def gone(*arguments: Any, **named: Any) -> Any:
        gate.shut()
        return ask(*arguments, **named)

    setattr(client, request, gone)
    try:
        yield
    finally:
        delattr(client, request)
        gate.open()


def test_whatever_request_finds_it_away_the_champion_stays_and_the_next_run_finishes_without_training(
    mlflow_server: str, restored_environment: None, tmp_path: Path, make_detector: Callable[[int], Path]
) -> None:
    with Gate(int(urlsplit(mlflow_server).port or 0)) as gate:
        os.environ |= {"MLFLOW_TRACKING_URI": gate.url, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        shop = make_shop(Tracking(configure(Workspace(tmp_path))), tmp_path, make_detector)
        name, server = shop.category.model_name, Registry(connect(mlflow_server))
        shop.retrain(1)
        shop.train(2)
        shop.evaluate(0.95)
        trained, stood = shop.package, []
        for request in REQUESTS:
            with away_at(shop.tracking.client, request, gate), pytest.raises(AwayError, match="is away: start it"):
                shop.register()
            stood.append(server.aliases(name))
        assert [aliases["champion"] for aliases in stood] == [1] * 10 + [2]
        assert [aliases.get("challenger") for aliases in stood] == [None] * 6 + [2, 2, 2, None, None]
        finished = shop.register()
        assert (finished.version, finished.verdict, finished.aliases) == (2, "promoted", ("champion",))
        assert shop.registered() == finished and shop.package == trained
    assert server.aliases(name) == {"champion": 2, "previous": 1}
    assert [version.tags["validation_status"] for version in server.versions(name)] == ["promoted", "promoted"]
    history = DecisionLog(server, name).read()
    assert [entry.version for _, entry in history.counted] == [1, 2] and not history.lost
