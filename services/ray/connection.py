"""This process's way to Ray, from its start to its end, and whether it is one still.

A head that died or hangs keeps most of Ray's calls waiting without end, and in the end Ray kills the process that asks.
What is asked here is answered within seconds.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from services.interrupts import sigterm_kept
from services.ray.calls import refuse_silence, told
from services.ray.folder import ray_folder
from services.ray.lost import RayLostError
from services.ray.nodes import Resources
from services.ray.token import guard_token
from tocoad.errors import SettingsError

# A look at the nodes takes no longer; for so long it may be in vain before the head is given up.
_ASK_SECONDS = 5.0
_SILENCE_SECONDS = 40.0
# Ray ends this process without a word when it has had no answer for so long; ours is to come first. What blocks for all
# that, since the head died in that moment, ends by it.
_RAYS_OWN_SECONDS = "120"
# Little more than Ray's smallest: only paths and figures travel.
_OBJECT_STORE_BYTES = 100 * 1024 * 1024
# A cluster's machines have the dependencies; the code comes from here.
_SHIPPED_PACKAGES = ("tocoad", "services")


class Connection:
    """All in one thread. `address` is empty for a Ray of our own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._ours = False
        self._folder: TemporaryDirectory[str] | None = None
        # Of the last look: what it found, and since when there has been no answer, by the monotonic clock.
        self._nodes: list[Resources] = []
        self._dead: frozenset[str] = frozenset()
        self._silent_since: float | None = None

    def open(self) -> None:
        """Starts Ray, or connects to it; nothing where this process has one.

        Raises:
            SettingsError: at the address is none, or one that hangs.
            StageError: a local one does not start.
        """
        with told(self._address):
            if self._silent_since is not None:
                refuse_silence(self._address)
            self._open()
            self._silent_since = None

    def _open(self) -> None:
        # Read when Ray is imported, as the next: a call after the end must not start another Ray by itself.
        os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
        if self._address:
            os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", _RAYS_OWN_SECONDS)
        else:
            # Its name misleads: it keeps every port of a local Ray on loopback, on Linux too.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        import ray

        if ray.is_initialized():
            return
        from services.ray.job import ForeignFoldersLeftOut

        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        options["job_config"] = ForeignFoldersLeftOut()
        if self._address:
            refuse_silence(self._address)
            options |= {"address": self._address, "runtime_env": {"py_modules": _package_folders()}}
        else:
            guard_token()
            self._folder = ray_folder()
            options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
            # Without the word RAY_ADDRESS, or the file of some `ray start`, would decide.
            options |= {"address": "local", "_temp_dir": str(Path(self._folder.name) / "r")}
        self._ours = True
        with sigterm_kept():
            ray.init(**options)

    def nodes(self) -> list[Resources]:
        """What each living node has, whatever runs there now; as it was, where the head does not answer this time.

        Raises:
            RayLostError: it has not answered for long, or the node that this process is on is no longer one.
        """
        import ray

        try:
            found, self._dead = _asked()
        except Exception as error:
            now = time.monotonic()
            self._silent_since = self._silent_since or now
            if (silence := now - self._silent_since) < _SILENCE_SECONDS:
                return self._nodes
            where = f"ray.address: the Ray at {self._address}" if self._address else "the local Ray"
            raise RayLostError(f"{where} has not answered for {silence:.0f} s; what ran there is given up") from error
        self._silent_since = None
        if ray.get_runtime_context().get_node_id() not in found:
            raise RayLostError("the node of Ray that this process is on was lost; what ran is given up")
        self._nodes = [*found.values()]
        return self._nodes

    @property
    def answers(self) -> bool:
        """Whether the last look had an answer."""
        return self._silent_since is None

    @property
    def dead(self) -> frozenset[str]:
        """The nodes that were dead at the last look that had an answer, by their ids."""
        return self._dead

    def close(self) -> None:
        """Ends Ray, if it is ours; the next `open` starts or finds another. One that hangs is left as it is."""
        if self._ours:
            import ray

            if self._hangs():
                # To part from it would wait for it, now and when the process ends.
                atexit.unregister(ray.shutdown)
                return
            with sigterm_kept():
                ray.shutdown()
            self._ours = False
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _hangs(self) -> bool:
        """Of a dead one, whose port refuses, Ray parts in seconds."""
        if not self._address:
            return False
        try:
            _asked()
        except Exception:
            try:
                refuse_silence(self._address)
            except SettingsError as error:
                return isinstance(error.__cause__, TimeoutError)
        return False


def _asked() -> tuple[dict[str, Resources], frozenset[str]]:
    """The living nodes by their ids, and the ids of the dead. `ray.nodes` would wait as long as there is no answer."""
    import ray
    from ray.core.generated import gcs_pb2

    client = cast(Any, ray)._private.worker.global_worker.gcs_client
    alive = cast(Any, gcs_pb2).GcsNodeInfo.ALIVE
    found = {name.hex(): node for name, node in client.get_all_node_info(timeout=_ASK_SECONDS).items()}
    living: dict[str, Resources] = {
        name: dict(node.resources_total) for name, node in found.items() if node.state == alive
    }
    return living, frozenset(found.keys() - living.keys())


def _package_folders() -> list[str]:
    return [str(Path(str(importlib.import_module(name).__file__)).parent) for name in _SHIPPED_PACKAGES]
