"""The embedded Prefect server: for runs where no server is configured.

Prefect can start one by itself, but only when the first flow begins, and only after it has imported the whole server
into the client. This one starts at once, as its own process, while the client imports what it needs.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from services.addresses import Services
from services.holders import own_tag
from services.prefect.calls import PrefectServerError, check_server
from services.prefect.home import server_log, starting
from services.prefect.settling import settle
from services.store.keys import without_keys

_ADDRESS = "127.0.0.1"
_STOP_SECONDS = 10
# It still writes down what it was told, and on a busy machine that takes its time.
_SERVER_STOP_SECONDS = 60
_RETRIES = 2


class EmbeddedServer:
    """One server process with its database in PREFECT_HOME, so that a later `prefect server start` shows its runs."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._log = server_log(home)
        self._ready = False
        with socket.create_server((_ADDRESS, 0), backlog=128) as listening, self._log.open("ab") as log:
            self.api_url = f"http://{_ADDRESS}:{listening.getsockname()[1]}/api"
            environment = {key: value for key, value in without_keys().items() if key != "PREFECT_API_URL"}
            environment |= {"PREFECT_HOME": str(home), "PREFECT_UI_ENABLED": "0"}
            environment |= {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING"}
            # The two that Prefect gives its own embedded server: no UI, only the services a single run needs.
            environment |= {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
            # How long the last states of tasks are waited for; Prefect takes whole seconds.
            environment |= {"PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "services.prefect.server", str(listening.fileno())],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listening.fileno()],
                # Ctrl-C is for the flow, which still has its end to report.
                start_new_session=True,
            )

    def wait(self, seconds: float = 180) -> None:
        """Waits until the server answers.

        Raises:
            PrefectServerError: it ended, or it did not answer in time.
        """
        import httpx

        # The socket listens since before the process began: this one request is answered when the server is ready.
        try:
            httpx.get(f"{self.api_url}/health", timeout=seconds, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise PrefectServerError(f"the embedded Prefect server did not start ({error}); see {self._log}") from None
        self._ready = True

    def stop(self) -> None:
        """Ends the process; it would end by itself with ours."""
        if not self._ready:
            # Still starting, it would first finish that.
            self._process.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_SERVER_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class PrefectApi:
    """The API that flows use; `ready` is called when the imports are done and the first flow is to begin."""

    def __init__(self, stack: ExitStack, server: EmbeddedServer | str, holder: str | None) -> None:
        self._stack = stack
        self._server = server
        self._holder = holder

    def ready(self) -> None:
        """Waits for the embedded server and points Prefect at it, or asks the configured one whether it is there.

        From here on flow runs carry their holder.

        Raises:
            PrefectServerError: there is none.
        """
        if self._holder is not None:
            from prefect import tags

            self._stack.enter_context(tags(self._holder))
        if isinstance(self._server, str):
            check_server(self._server)
        else:
            self._wait(self._server)
        self._stack.callback(_drain)

    def _wait(self, server: EmbeddedServer) -> None:
        from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        server.wait()
        # Where the server dies, lines of its runs' logs that cannot be sent are not the terminal's.
        logging.raiseExceptions = False
        # One that died does not come back: by default every call to it would take a minute.
        settings = {PREFECT_API_URL: server.api_url, PREFECT_CLIENT_MAX_RETRIES: _RETRIES}
        self._stack.enter_context(temporary_settings(updates=settings))
        if self._holder is not None:
            self._stack.callback(settle, self._holder)


@contextmanager
def prefect_api(services: Services) -> Iterator[PrefectApi]:
    """While it is open there is a Prefect API: the configured server, else an embedded one, started here and now.

    with prefect_api(services) as api:
        from flows.retrain import retrain
        api.ready()
        retrain("sample")
    """
    with ExitStack() as stack:
        server: EmbeddedServer | str
        if services.prefect_api_url is None:
            server = EmbeddedServer(services.prefect_home)
            stack.callback(server.stop)
        else:
            server = services.prefect_api_url
        yield PrefectApi(stack, server, own_tag(services.workspace.services_dir))


def _drain() -> None:
    """Sends what Prefect's background threads still hold: the states of tasks go that way."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for service in cast(Any, (EventsWorker, APILogWorker)):
        instances = tuple(service._instances.values())
        service.drain_all(timeout=_STOP_SECONDS)
        for instance in instances:
            # Each letter to a server that died would be tried for many seconds more, while the process waits to end.
            with suppress(queue.Empty):
                while True:
                    instance._queue.get_nowait()
            instance._queue.put_nowait(None)


def _serve(descriptor: int) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            # Nothing else runs in this process yet: it may wait.
            with starting(Path(os.environ["PREFECT_HOME"])):
                await super().startup(sockets)

    config = uvicorn.Config("prefect.server.api.server:create_app", factory=True, log_level="error", lifespan="on")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # What the imports make stays: looking through it for garbage, again and again, takes a seventh of the start.
    gc.disable()
    config.load()
    gc.enable()
    Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_with_parent() -> None:
    """Standard input is a pipe that the parent never writes: its end means that the parent stopped us, or died."""
    sys.stdin.buffer.read()
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
