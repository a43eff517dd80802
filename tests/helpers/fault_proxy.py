"""A server that fails in the ways of a network: a proxy in front of a sound one, whose faults a test sets."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ALWAYS = 10**9
_OWN = {"connection", "transfer-encoding", "content-length", "expect", "date", "server"}

_ERRORS = {"busy": (503, "ServiceUnavailable"), "deny": (403, "AccessDenied")}


@dataclass
class _Fault:
    kind: str
    method: str
    times: int
    after: int = 0
    where: str = ""


class FaultProxy:
    """`endpoint` is its address. Each fault meets the next `times` requests of its method, then all is well again."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.requests: list[str] = []
        """Methods, as they came."""
        self.hanging = 0
        """So many of them have no answer now."""
        self._faults: list[_Fault] = []
        self._lock, self._go_on = threading.Lock(), threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.accept()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def busy(self, times: int = ALWAYS, method: str = "") -> None:
        """503, as S3 says it."""
        self._add("busy", method, times)

    def deny(self, method: str, where: str = "") -> None:
        """403: the key may do anything else; `where` is a part of the path."""
        self._add("deny", method, ALWAYS, where=where)

    def cut(self, after: int, times: int = ALWAYS, method: str = "GET") -> None:
        """The connection breaks off after so many bytes of a body: of the answer, or with PUT of the request."""
        self._add("cut", method, times, after)

    def shorten(self, after: int, where: str) -> None:
        """The answer is so long and says so: what a truncated object looks like. `where` is a part of the path."""
        self._add("shorten", "GET", ALWAYS, after, where)

    def flip(self, times: int = ALWAYS, method: str = "GET", where: str = "") -> None:
        """One bit in the middle of a body is another: of the answer, or with PUT of the request."""
        self._add("flip", method, times, where=where)

    def hang(self, times: int = ALWAYS, method: str = "", where: str = "") -> None:
        """No answer comes, and the connection stays."""
        self._add("hang", method, times, where=where)

    def stall(self, times: int = ALWAYS, method: str = "") -> None:
        """The same, and what is sent is not read."""
        self._add("stall", method, times)

    def sound(self) -> None:
        """No fault any more."""
        with self._lock:
            self._faults.clear()
            self._go_on.set()

    def refuse(self) -> None:
        """Nobody listens at the port, until `accept`."""
        assert self._server
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def accept(self) -> None:
        proxy = self

        class Handler(_Handler):
            def __init__(self, *arguments: Any) -> None:
                self.proxy = proxy
                super().__init__(*arguments)

        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.sound()
        if self._server:
            self.refuse()

    def fault(self, method: str, path: str) -> _Fault | None:
        """The one that this request meets."""
        with self._lock:
            self.requests.append(method)
            for fault in self._faults:
                if fault.times and method.startswith(fault.method) and fault.where in path:
                    fault.times -= 1
                    return fault
        return None

    def wait(self) -> None:
        with self._lock:
            self.hanging += 1
        self._go_on.wait()
        with self._lock:
            self.hanging -= 1

    def _add(self, kind: str, method: str, times: int, after: int = 0, where: str = "") -> None:
        with self._lock:
            self._go_on.clear()
            self._faults.append(_Fault(kind, method, times, after, where))


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A client that went away, which is what faults are for."""


class _Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    proxy: FaultProxy

    def _pass_on(self) -> None:
        fault = self.proxy.fault(self.command, self.path)
        kind, put = (fault.kind if fault else ""), self.command == "PUT"
        length = int(self.headers.get("content-length") or 0)
        if fault and kind == "cut" and put:
            self.rfile.read(min(fault.after, length))
            return
        body = b"" if kind == "stall" else self.rfile.read(length)
        if kind in ("hang", "stall"):
            self.proxy.wait()
            return
        if kind in _ERRORS:
            status, code = _ERRORS[kind]
            self._answer(status, {}, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
            return
        status, headers, answer = self._asked(_flipped(body) if kind == "flip" and put else body)
        if kind == "flip" and not put:
            answer = _flipped(answer)
        if fault and kind == "shorten":
            answer = answer[: fault.after]
        sent = answer[: fault.after] if fault and kind == "cut" else answer
        self._answer(status, headers, sent, len(answer))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.proxy.target, timeout=60)
        # The signature is of the host that the client knows.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
        connection.request(self.command, self.path, body if body or self.command in ("PUT", "POST") else None, headers)
        response = connection.getresponse()
        content = response.read()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _OWN}
        if self.command == "HEAD":
            headers["content-length"] = response.getheader("content-length") or "0"
        connection.close()
        return response.status, headers, content

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "content-length" not in headers:
            self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _flipped(body: bytes) -> bytes:
    altered = bytearray(body)
    if altered:
        altered[len(altered) // 2] ^= 1
    return bytes(altered)


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """In front of the server at `target`, `http://HOST:PORT`."""
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
