"""Ctrl-C, and SIGTERM as another: the first stops the work and lets it close, the next ends the process at once."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN_SECONDS = 0.1
_SHOW_CURSOR = b"\x1b[?25h"

_first: int | None = None


class Terminated(KeyboardInterrupt):
    """SIGTERM: whatever bears Ctrl-C bears it too."""

    number = signal.SIGTERM


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block SIGINT raises KeyboardInterrupt and SIGTERM Terminated; the process ends where a second one comes.

    After a signal it stays so: what closes at the process's end is not to be torn either.
    """
    before, sys.unraisablehook = sys.unraisablehook, partial(_again, sys.unraisablehook)
    try:
        with _handling(_stop):
            yield
    finally:
        sys.unraisablehook = before


@contextmanager
def held() -> Iterator[None]:
    """Lets the block, which closes or records something, come to its end: a signal in it is delivered afterwards."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if came or _first is not None:
            _end(number)
        came.append(number)

    with _handling(note, always=True):
        yield
    if came:
        signal.raise_signal(came[0])


@contextmanager
def ended_by(stop: Callable[[], None]) -> Iterator[None]:
    """For a block that ends by itself once `stop` was called, as a server that answers what it has accepted: the first
    signal calls it, and is no interrupt; the process ends where a second one comes.
    """
    came: list[int] = []

    def once(number: int, _frame: FrameType | None) -> None:
        if came or _first is not None:
            _end(number)
        came.append(number)
        stop()

    with _handling(once, always=True):
        yield


@contextmanager
def sigterm_kept() -> Iterator[None]:
    """Ray's core takes SIGTERM for itself below Python, to dump its stack and abort; what was there is put back.

    Not by Python's own way, which is for the main thread alone.
    """
    api = ctypes.pythonapi
    api.PyOS_getsig.restype = api.PyOS_setsig.restype = ctypes.c_void_p
    api.PyOS_setsig.argtypes = [ctypes.c_int, ctypes.c_void_p]
    handler = api.PyOS_getsig(signal.SIGTERM)
    try:
        yield
    finally:
        api.PyOS_setsig(signal.SIGTERM, handler)


def covered(error: BaseException) -> KeyboardInterrupt | None:
    """The interrupt in whose wake the error came, if one did: what closes may fail, and covers why it was to close."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return seen
        # In a flow SIGTERM is Prefect's, which has a name of its own for it.
        if type(seen).__name__ == "TerminationSignal":
            return Terminated()
        seen = seen.__cause__ or seen.__context__
    return None


@contextmanager
def _handling(handler: Any, always: bool = False) -> Iterator[None]:
    """Signals reach the main thread alone, and only there may they be handled: elsewhere the block simply runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        if always or _first is None:
            for number, previous in before.items():
                signal.signal(number, previous)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    global _first
    if _first is not None:
        _end(number)
    _first = number
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _again(others: Callable[[Any], Any], dropped: Any) -> None:
    """Where the signal found the main thread in a finaliser, or a weak reference's callback, Python tells the exception
    and drops it: the signal comes once more, when that is over.
    """
    global _first
    if _first is None or not issubclass(dropped.exc_type, KeyboardInterrupt):
        others(dropped)
        return
    number, _first = _first, None
    threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()


def _end(number: int) -> NoReturn:
    """Without closing anything. Ray's processes and the embedded server see our end and end by themselves."""
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)
    os.write(2, b"stopped at once: what was finished is kept\n")
    os._exit(128 + number)
