"""When a fault is noticed: something is said of it, a task of Prefect's has failed, or the command has ended."""

from __future__ import annotations

import re
import time
from threading import Event, Thread

from tests.chaos.cluster.scene import Scene

# What a retrain says of how it stands.
_STANDING = re.compile(r"^\d+(/\d+)? jobs[^;]*(; \d+ running: [^;]*)?$")
_TROUBLE = ("FAILED", "CRASHED", "AwaitingRetry", "Retrying")


class Watch:
    """From now on. `seconds` is when it was noticed, counted from now; None where it was not until `stop`."""

    def __init__(self, scene: Scene) -> None:
        self.began = time.monotonic()
        self.seconds: float | None = None
        self._scene, self._over = scene, Event()
        self._said = len(self._stderr())
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._noticed():
            if self._over.wait(0.1):
                return
        self.seconds = round(time.monotonic() - self.began, 1)

    def _noticed(self) -> bool:
        said = self._stderr()[self._said :].splitlines()
        if any(line.strip() and not _STANDING.match(line.strip()) for line in said):
            return True
        return not self._scene.command.runs or bool(self._scene.tasks("%", *_TROUBLE))

    def _stderr(self) -> str:
        return (self._scene.command.folder / "stderr").read_text(errors="replace")
