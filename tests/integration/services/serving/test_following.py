"""Champions that change while they are served: a registry on a server, with a network that fails before it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from services.addresses import configure
from services.mlflow.calls import connect
from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import PACKAGE_TAG, Registry
from services.mlflow.tracking import Tracking
from services.serving import following as following_module
from services.serving.counting import Counters
from services.serving.following import Following
from services.serving.served import Shelf
from services.serving.state import State
from tests.helpers.environment import kept_environment
from tests.helpers.fault_proxy import FaultProxy, fault_proxy
from tests.helpers.packages import save_detector
from tocoad.files.workspace import Workspace
from tocoad.package.card import package_sha256

pytestmark = pytest.mark.integration

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


@dataclass
class Line:
    """One category, its registry, and what serves it, which reaches the registry through the proxy."""

    tracking: Tracking
    proxy: FaultProxy
    folder: Path
    name: str
    shelf: Shelf = field(default_factory=Shelf)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry = self.tracking.registry()
        self.log = DecisionLog(self.registry, self.name)
        self.state = State((self.uri,))
        seen = Registry(connect(self.proxy.endpoint))
        self.following = Following(self.shelf, self.state, seen, self.said.append)

    @property
    def uri(self) -> str:
        return f"models:/{self.name}@champion"

    @property
    def version(self) -> int | None:
        return self.shelf.served[self.name].version

    def metrics(self) -> list[str]:
        return Counters().text(self.shelf.served, self.state).decode().splitlines()

    def register(self, seed: int, digest: str | None = None) -> int:
        package = save_detector(self.folder / str(seed), seed)
        tags = {PACKAGE_TAG: digest or package_sha256(package)}
        with self.tracking.run(self.tracking.experiment("serving"), "gear") as run:
            return self.registry.register(self.name, run, package, IMAGE, tags).version

    def promote(self, version: int) -> None:
        self.log.append(self.log.entry("promote", self.log.read(), version))


@pytest.fixture(scope="module")
def proxy(mlflow_server: str) -> Iterator[FaultProxy]:
    with fault_proxy(mlflow_server) as proxy:
        yield proxy


@pytest.fixture
def line(proxy: FaultProxy, mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Line]:
    """Version 1 is champion, and served."""
    with kept_environment():
        os.environ |= {"MLFLOW_TRACKING_URI": mlflow_server, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        line = Line(Tracking(configure(Workspace(tmp_path))), proxy, tmp_path, f"line.{request.node.name[:40]}")
        line.promote(line.register(1))
        line.following.load([line.uri], Event())
        assert (line.version, line.state.loading) == (1, ())
        yield line


def test_a_new_champion_is_served_from_the_next_look_on_and_a_rollback_too(line: Line, proxy: FaultProxy) -> None:
    served = line.shelf.served[line.name]
    line.following.look()
    before = len(proxy.requests)
    line.following.look()
    assert line.shelf.served[line.name] is served and len(proxy.requests) == before + 1, "nothing has changed"
    second = line.register(2)
    line.promote(second)
    assert line.version == 1
    line.following.look()
    now = line.shelf.served[line.name]
    assert now.version == second and line.said[-1] == f"{line.name} version 2 in place of version 1"
    assert not np.array_equal(
        now.detector.predict(IMAGE[None]).pred_score, served.detector.predict(IMAGE[None]).pred_score
    )
    line.log.append(line.log.entry("rollback", line.log.read(), 1, reason="a test"))
    line.following.look()
    assert line.version == 1


def test_while_the_registry_is_away_what_is_served_stays_and_says_so(line: Line, proxy: FaultProxy) -> None:
    line.promote(line.register(2))
    proxy.busy()
    line.following.look()
    line.following.look()
    assert line.version == 1 and "is away" in str(line.state.registry_error)
    assert len([said for said in line.said if said.startswith("warning")]) == 1, "it is told once"
    assert "tocoad_registry_answers 0.0" in line.metrics()
    proxy.sound()
    line.following.look()
    assert (line.version, line.state.registry_error) == (2, None)
    assert "tocoad_registry_answers 1.0" in line.metrics()


def test_a_champion_whose_package_is_not_the_registered_one_is_not_served(
    line: Line, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.promote(line.register(2, digest="0" * 64))
    line.following.look()
    assert line.version == 1 and line.state.registry_error is None
    assert line.state.not_taken == {line.name: f"{line.name} version 2: its package is not what was registered"}
    not_taken = f'tocoad_champion_not_taken{{category="{line.name}"}}'
    assert f"{not_taken} 1.0" in line.metrics()
    before = len(proxy.requests)
    line.following.look()
    looked = len(proxy.requests) - before
    monkeypatch.setattr(following_module, "_AGAIN_SECONDS", 0.0)
    line.promote(line.register(3))
    line.following.look()
    assert line.version == 3 and line.state.not_taken == {}
    assert f"{not_taken} 0.0" in line.metrics()
    assert looked < 6, "the broken package is not fetched at every look"
