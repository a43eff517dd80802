"""The guide to serving, typed: under load a champion changes and the server is told to end, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from services.addresses import configure
from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import PACKAGE_TAG
from services.mlflow.tracking import Tracking
from tests.helpers.environment import kept_environment
from tests.helpers.guide import Guide, missing_lines, run, typist
from tests.helpers.packages import as_category, save_detector
from tests.helpers.processes import end_with_parent, free_port, wait_until
from tests.helpers.shop import make_workspace
from tocoad.files.workspace import Workspace
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector

pytestmark = pytest.mark.e2e

GUIDE = Guide("serving.md")
PORT = "8000"
CLIENTS = 4
IMAGES = [np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8) for seed in range(CLIENTS)]


class Registered:
    """Two versions of a gear, of which the first is champion, and a plate; in the workspace's own registry."""

    def __init__(self, root: Path) -> None:
        self.root, self.packages = root, {}
        with kept_environment():
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            self._tracking = Tracking(configure(Workspace(root)))
            self.registry = self._tracking.registry()
            for seed, category in ((1, "gear"), (2, "gear"), (3, "plate")):
                self._register(seed, category)
        for category in ("gear", "plate"):
            self.promote(category, 1)

    def _register(self, seed: int, category: str) -> None:
        package = as_category(save_detector(self.root / "packages" / str(seed), seed), "sample", category)
        tags = {PACKAGE_TAG: package_sha256(package)}
        with self._tracking.run(self._tracking.experiment("serving"), category) as made:
            version = self.registry.register(f"sample.{category}", made, package, IMAGES[0], tags)
        self.packages[version.name, version.version] = package

    def promote(self, category: str, version: int) -> None:
        log = DecisionLog(self.registry, f"sample.{category}")
        log.append(log.entry("promote", log.read(), version))


@dataclass
class Client:
    """Asks for one image again and again, until the server has gone."""

    address: str
    image: bytes
    answers: list[tuple[int, dict[str, object]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self.ended.is_set():
                try:
                    response = client.post(f"{self.address}/v1/predict/sample.gear", content=self.image)
                    self.answers.append((response.status_code, response.json()))
                except httpx.TransportError as error:
                    self.refused.append(repr(error))
                    self.ended.set()


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    root = tmp_path_factory.mktemp("served")
    make_workspace(root)
    cv2.imwrite(str(root / "part.png"), IMAGES[0])
    yield Registered(root)


def test_the_guide_as_it_is_typed_and_nothing_is_lost_when_the_champion_changes_and_the_server_ends(
    registered: Registered,
) -> None:
    port = str(free_port())
    environment = {name: value for name, value in typist().items() if not name.startswith("MLFLOW_")}
    (start,), (ready,) = typed("Start it", port)[:1], typed("Start it", port)[1:]
    assert start.endswith(" &")
    log = registered.root / "serve.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {start.removesuffix(' &')} --look 0.3"],
            cwd=registered.root, env=environment, stdout=said, stderr=said, preexec_fn=end_with_parent,
        )  # fmt: skip
    try:
        health = json.loads(run(ready, registered.root, environment))
        assert [one["version"] for one in health["categories"].values()] == [1, 1]
        assert missing(log.read_text(), "Start it", port) == []
        for section in ("Ask it", "What it refuses", "When the champion changes"):
            heard = "".join(run(command, registered.root, environment) for command in typed(section, port))
            assert missing(heard, section, port) == []
        assert Image.open(registered.root / "overlay.png").size == (32, 32)

        clients = [Client(f"http://127.0.0.1:{port}", png_of(image)) for image in IMAGES]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        wait_until("answers", lambda: all(len(client.answers) > 5 for client in clients), 60)
        registered.promote("gear", 2)
        wait_until("the new champion", lambda: all(version_of(c.answers[-1][1]) == 2 for c in clients), 60)
        assert typed("End it", port) == ["kill %1"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        for thread in threads:
            thread.join(60)
    finally:
        process.kill()
        process.wait()

    detectors = {number: load_detector(registered.packages["sample.gear", number]) for number in (1, 2)}
    for client, image in zip(clients, IMAGES, strict=True):
        assert {status for status, _ in client.answers} == {200}
        expected = {number: detector.predict(image[None]).pred_score[0] for number, detector in detectors.items()}
        versions = [version_of(told) for _, told in client.answers]
        assert versions == sorted(versions) and set(versions) == {1, 2}
        assert all(
            np.float32(told["pred_score"]) == expected[version]
            for version, (_, told) in zip(versions, client.answers, strict=True)
        )
        assert len(client.refused) == 1, "the connection that found the server gone"
    asked = sum(len(client.answers) for client in clients) + 3
    assert log.read_text().splitlines()[-1] == f"ended, images answered: {asked}", "each that was answered arrived"


def typed(section: str, port: str) -> list[str]:
    return [command.replace(PORT, port) for command in GUIDE.commands(section)]


def missing(said: str, section: str, port: str) -> list[str]:
    return missing_lines(GUIDE.fenced(section, "text").replace(PORT, port), said)


def png_of(image: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def version_of(answer: dict[str, object]) -> int:
    model = answer["model"]
    assert isinstance(model, dict)
    return int(model["version"])
