"""A Python process that has nothing of ours but what a package needs, and checks the parity of packages.

It says of a package what the next machine would find: nothing that a training imported, set or cached is there. One
process serves a whole flow, because to start one costs more than to check a package. Between the two go lines: a
folder's path as JSON, and a `Parity`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock, Timer
from types import TracebackType
from typing import IO, Protocol, Self, cast

from services.store.keys import without_keys
from tocoad.errors import StageError, error_line
from tocoad.gate.parity import Parity

# To start takes seconds and a package less than one, on a machine that does nothing else.
_SECONDS = 300.0


class CleanProcessError(StageError):
    """There is no answer from the process; one line."""


class Checker(Protocol):
    """Whoever has a clean process, here or on a node."""

    def parity(self, folder: Path) -> Parity:
        """Of the package in `folder`. Raises CleanProcessError."""
        ...


class CleanProcess:
    """Starts at the first check, ends with the context, and comes again where it died. Several threads may ask."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._stop()

    def parity(self, folder: Path) -> Parity:
        """Of the package in `folder`.

        Raises:
            CleanProcessError: the process died, did not answer, or cannot import what it needs: the machine's fault or
                the package's, so that nothing is known of the package.
        """
        with self._lock:
            process, begin = self._process or self._start(), time.monotonic()
            late = Timer(self._seconds, process.kill)
            late.start()
            try:
                answer = self._ask(process, folder)
                if not answer:
                    in_time = time.monotonic() - begin < self._seconds
                    ended = f"it ended with {process.wait()}" if in_time else f"no answer within {self._seconds:g} s"
                    raise CleanProcessError(f"the process that checks packages: {ended}: run again")
            except BaseException:  # the next one that asks must not get this answer
                self._stop()
                raise
            finally:
                late.cancel()
        if "error" in (told := json.loads(answer)):
            raise CleanProcessError(f"the process that checks packages: {told['error']}")
        return Parity.model_validate(told)

    def _start(self) -> subprocess.Popen[bytes]:
        """In a session of its own: Ctrl-C is for us, and we end it. Where we are killed, it finds its input closed.

        It answers in a pipe apart: what libraries print, from the first line of Python on, is no answer.
        """
        reading, writing = os.pipe()
        self._answers, nothing = os.fdopen(reading, "rb"), subprocess.DEVNULL
        command = [sys.executable, "-P", "-m", __name__, str(writing)]
        try:
            self._process = subprocess.Popen(
                command,
                env=without_keys(),
                stdin=subprocess.PIPE,
                stdout=nothing,
                stderr=nothing,
                pass_fds=(writing,),
                start_new_session=True,
            )
        finally:
            os.close(writing)
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], folder: Path) -> bytes:
        """One line; none where the process is gone."""
        questions, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], self._answers)
        with suppress(BrokenPipeError):
            questions.write(json.dumps(str(folder)).encode() + b"\n")
            questions.flush()
        return answers.readline()

    def _stop(self) -> None:
        process, answers = self._process, self._answers
        self._process = self._answers = None
        if process is not None:
            process.kill()
            process.communicate()
        if answers is not None:
            answers.close()


def parity_here(folders: Mapping[str, Path]) -> Parity:
    """Where it is called, in a worker; its clean process stays for the next package, and ends with it."""
    # Whole: that process has the current folder of the job for which it was started.
    return _own().parity(folders["package"].absolute())


@cache
def _own() -> CleanProcess:
    return CleanProcess()


def _serve(writing: int) -> None:
    """In the process itself: answers until its input ends."""
    with os.fdopen(writing, "w", encoding="utf-8") as answers:
        for line in sys.stdin:
            answers.write(_answer(Path(json.loads(line))) + "\n")
            answers.flush()


def _answer(folder: Path) -> str:
    try:
        from tocoad.package.parity import check_parity

        return check_parity(folder).model_dump_json()
    except Exception as error:
        return json.dumps({"error": error_line(error)})


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
