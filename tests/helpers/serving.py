"""A server of detectors in the process of the test, and bare connections to it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from services.serving.limits import Limits
from services.serving.server import Server
from tests.helpers.processes import wait_until


@contextmanager
def serving(packages: Sequence[Path], limits: Limits = Limits(threads=2)) -> Iterator[Server]:  # noqa: B008 - frozen
    """All loaded; afterwards it has ended."""
    server = Server([str(package) for package in packages], None, limits, 60, lambda _: None)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            wait_until("ready", lambda: client.get("/health").status_code == 200, 60, pause=0.02)
        yield server
    finally:
        server.stop()
        thread.join(60)
        assert not thread.is_alive()


class Caller:
    """A connection whose request is sent as a test likes: its head, and later its body."""

    def __init__(self, address: str, path: str, length: int) -> None:
        place = urlsplit(address)
        self._socket = socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=60)
        self.send(f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {length}\r\n\r\n".encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and document; waits for it, and closes the connection."""
        response = HTTPResponse(self._socket)
        response.begin()
        document: dict[str, Any] = json.loads(response.read())
        self._socket.close()
        return response.status, document
