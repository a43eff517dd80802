"""`tocoad serve`: one process that answers over HTTP, and ends when it has answered what it accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

import uvicorn

from services.interrupts import ended_by
from services.mlflow.registry import Registry
from services.serving.app import Service, make_app
from services.serving.counting import Counters
from services.serving.following import Following, Say
from services.serving.limits import Limits
from services.serving.listening import listening_at
from services.serving.served import Shelf
from services.serving.state import State
from tocoad.data.threads import thread_pool
from tocoad.nn.device import compute_context
from tocoad.settings.sections import ComputeSettings

_KEPT_SECONDS = 75
"""A connection without a request; longer than clients and proxies usually keep theirs, so that they end it."""
_CLOSING_SECONDS = 5


class Server:
    """Answers at `address` from the start, and says at /health when all models are there."""

    def __init__(
        self,
        models: Sequence[str],
        registry: Registry | None,
        limits: Limits,
        look_seconds: float,
        say: Say,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Raises UserError where the port cannot be had."""
        self._models, self._registry, self._limits, self._say = models, registry, limits, say
        self._look_seconds = look_seconds
        self._socket = listening_at(host, port)
        self._stopped = Event()
        self._fault: BaseException | None = None
        self._uvicorn: uvicorn.Server | None = None

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def run(self) -> None:
        """Until `stop` or a signal.

        Raises:
            TocoadError: a model cannot be loaded.
        """
        shelf, state, counters = Shelf(), State(tuple(self._models)), Counters()
        # Torch's settings are the process's: they hold for all detectors, and threads find them as they leave them.
        with compute_context(ComputeSettings()), thread_pool(self._limits.threads) as pool:
            service = Service(shelf, state, pool, self._limits, counters, self._stopped)
            self._uvicorn = _Uvicorn(
                uvicorn.Config(
                    make_app(service),
                    log_config=None,
                    access_log=False,
                    loop="asyncio",
                    http="h11",
                    ws="none",
                    lifespan="off",
                    proxy_headers=False,
                    server_header=False,
                    timeout_keep_alive=_KEPT_SECONDS,
                    timeout_graceful_shutdown=math.ceil(self._limits.seconds) + _CLOSING_SECONDS,
                ),
                self.stop,
            )
            if self._stopped.is_set():
                return
            following = Following(shelf, state, self._registry, self._say)
            loader = Thread(target=self._load_and_follow, args=(following,), name="models", daemon=True)
            loader.start()
            try:
                self._uvicorn.run(sockets=[self._socket])
            finally:
                self.stop()
                # It may be in a call to a registry that hangs; nothing of it is wanted any more.
                loader.join(_CLOSING_SECONDS)
        if self._fault is not None:
            raise self._fault
        self._say(f"ended, images answered: {service.answered}")

    def stop(self) -> None:
        """Lets it answer what it has accepted, and end. For any thread, and for a signal's handler."""
        self._stopped.set()
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True

    def _load_and_follow(self, following: Following) -> None:
        try:
            following.load(self._models, self._stopped)
            if not self._stopped.is_set():
                self._say(f"ready at {self.address}")
            following.follow(self._look_seconds, self._stopped)
        except BaseException as error:
            self._fault = error
            self.stop()


class _Uvicorn(uvicorn.Server):
    """Which leaves signals to us: it would raise them again at its end, and be no ordinary one."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with ended_by(self._stop):
            yield
