"""Before the first answer: what is loaded, where it listens, and what is said until all is there."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from services.serving.app import Service, make_app
from services.serving.counting import Counters
from services.serving.limits import Limits
from services.serving.listening import is_loopback, listening_at
from services.serving.loading import from_folder
from services.serving.served import Shelf
from services.serving.server import Server
from services.serving.state import State
from tests.helpers.packages import as_category, save_detector
from tests.helpers.processes import free_port
from tocoad.errors import SettingsError, UserError
from tocoad.package.card import read_card, write_card

pytestmark = pytest.mark.integration


def test_until_all_models_are_loaded_it_is_not_ready_and_asks_to_come_again(tmp_path: Path) -> None:
    shelf, state = Shelf(), State(("a", "b"))
    shelf.add(from_folder(save_detector(tmp_path / "a", 1), ()))
    state.loading = ("b",)
    service = Service(shelf, state, ThreadPoolExecutor(1), Limits(threads=1), Counters(), Event())

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(make_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.get("/health"), await client.post("/v1/predict/set.plate", content=b"x")]

    health, refused = asyncio.run(ask())
    assert health.status_code == refused.status_code == 503
    assert health.json()["loading"] == ["b"] and set(health.json()["categories"]) == {"set.gear"}
    assert refused.headers["Retry-After"] == "1" and refused.json() == {"error": "the models are being loaded"}


def test_categories_of_one_model_share_its_networks_and_keep_their_thresholds(tmp_path: Path) -> None:
    gear = from_folder(save_detector(tmp_path / "gear", 1), ())
    folder = as_category(save_detector(tmp_path / "plate", 1), "set", "plate")
    card = read_card(folder)[0]
    own = card.image_threshold.model_copy(update={"value": 7.5})
    write_card(folder, card.model_copy(update={"image_threshold": own}))
    plate = from_folder(folder, [gear])
    assert plate.detector.model is gear.detector.model
    assert (plate.name, plate.detector.card.image_threshold.value) == ("set.plate", 7.5)
    other = from_folder(as_category(save_detector(tmp_path / "screw", 2), "set", "screw"), [gear, plate])
    assert other.detector.model is not gear.detector.model


def test_a_category_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    shelf, served = Shelf(), from_folder(save_detector(tmp_path / "gear", 1), ())
    shelf.add(served)
    with pytest.raises(SettingsError, match=r"set\.gear is named twice"):
        shelf.add(served)


def test_a_port_that_is_taken_is_told_at_once() -> None:
    port = free_port()
    first = Server([], None, Limits(threads=1), 60, lambda _: None, port=port)
    assert first.address == f"http://127.0.0.1:{port}/"
    with pytest.raises(UserError, match=rf"127\.0\.0\.1:{port}: something listens there already"):
        Server([], None, Limits(threads=1), 60, lambda _: None, port=port)


def test_no_packet_of_an_answer_waits_for_the_callers_word_on_the_one_before() -> None:
    with listening_at("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("line-3", False)],
)
def test_only_loopback_is_out_of_others_reach(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
