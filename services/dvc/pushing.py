"""A push beside other work, in a process of its own: one that is killed leaves nothing half there, so an interrupt ends
it at once, however long the store is waited for.

Between the two go lines: what is to be pushed, and as JSON what has become of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import IO, Any, Self, cast

from services.dvc.push import Part, push
from tocoad.errors import StageError, error_line
from tocoad.files.workspace import Workspace

_TOLD_SECONDS = 0.25


class PushError(StageError):
    """Something is not in the remote yet; what was pushed stays there."""


@dataclass(frozen=True)
class Pushed:
    """What was not there before. `error` is one line: why something is not there yet."""

    objects: int = 0
    bytes: int = 0
    seconds: float = 0.0
    error: str | None = None


Told = Callable[[Part, Pushed, int | None], object]
"""What is being pushed, what of it is there now, and how many objects were not; None when that part is over."""


class Pusher:
    """Lives from the context's begin to its end; what is asked for comes one after the other."""

    def __init__(self, workspace: Workspace, dataset: str, patience: float, told: Told) -> None:
        root = str(workspace.root.resolve())
        self._command = [sys.executable, "-P", "-m", __name__, root, dataset, str(patience)]
        self._told = told
        self._asked = 0
        self._answers: SimpleQueue[Pushed | None] = SimpleQueue()
        self._latest = Pushed()

    def __enter__(self) -> Self:
        """In a session of its own: Ctrl-C is for us, and we end it. Where we are killed, it finds its input closed."""
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=nothing, start_new_session=True)
        self._reader = Thread(target=self._read, name="push", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        with suppress(BrokenPipeError):
            cast(IO[bytes], self._process.stdin).close()

    def ask(self, part: Part) -> None:
        """Returns at once."""
        self._asked += 1
        with suppress(BrokenPipeError):  # of a process that is gone `result` tells
            questions = cast(IO[bytes], self._process.stdin)
            questions.write(part.encode() + b"\n")
            questions.flush()

    def result(self, seconds: float | None = None) -> Pushed:
        """Of all that was asked for since the last result, with the error of the last part; it is waited for at most so
        many seconds.
        """
        asked, self._asked = self._asked, 0
        pushed, begin = Pushed(), time.monotonic()
        for _ in range(asked):
            broken = None
            try:
                left = None if seconds is None else max(begin + seconds - time.monotonic(), 0)
                if (answer := self._answers.get(timeout=left)) is None:
                    broken = f"the process that pushes ended with {self._process.wait()}"
            except Empty:
                broken = f"it was waited for {seconds:.0f} s"
            answer = replace(self._latest, error=broken) if broken else cast(Pushed, answer)
            pushed = Pushed(
                pushed.objects + answer.objects,
                pushed.bytes + answer.bytes,
                pushed.seconds + answer.seconds,
                answer.error,
            )
            if broken:
                break
        return pushed

    def _read(self) -> None:
        with cast(IO[bytes], self._process.stdout) as answers:
            for line in answers:
                state = json.loads(line)
                part, total = state.pop("part"), state.pop("total")
                self._latest = Pushed(**state)
                self._told(part, self._latest, total)
                if total is None:
                    self._answers.put(self._latest)
                    self._latest = Pushed()
        self._answers.put(None)


def _serve(workspace: Workspace, dataset: str, patience: float) -> None:
    """In the process itself. What libraries print is no answer."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        parts: SimpleQueue[Part] = SimpleQueue()
        Thread(target=_listen, args=(parts,), daemon=True).start()
        while True:
            _answer(workspace, dataset, parts.get(), patience, answers)


def _listen(parts: SimpleQueue[Part]) -> None:
    for line in sys.stdin:
        parts.put(cast(Part, line.strip()))
    os._exit(0)  # whoever asked is gone


def _answer(workspace: Workspace, dataset: str, part: Part, patience: float, answers: IO[str]) -> None:
    begin = told = time.monotonic()
    state: dict[str, Any] = {"objects": 0, "bytes": 0}

    def say(total: int | None, error: str | None = None) -> None:
        seconds = time.monotonic() - begin
        answers.write(json.dumps({"part": part, "total": total, "seconds": seconds, "error": error, **state}) + "\n")
        answers.flush()

    def moved(objects: int, total: int, size: int) -> None:
        nonlocal told
        state.update(objects=objects, bytes=size)
        if objects == total or time.monotonic() - told > _TOLD_SECONDS:
            told = time.monotonic()
            say(total)

    try:
        push(workspace, dataset, part, moved, patience)
        say(None)
    except Exception as error:
        say(None, error_line(error))


if __name__ == "__main__":
    _serve(Workspace(Path(sys.argv[1])), sys.argv[2], float(sys.argv[3]))
