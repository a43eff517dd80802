"""Signals to a process of its own: the first lets it close, the second ends it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from services.interrupts import Terminated, covered
from tocoad.errors import exit_code

SCRIPT = """
import sys, time
from services.interrupts import Terminated, held, interruptible

def say(text):
    print(text, flush=True)

try:
    with interruptible():
        try:
            {work}
        finally:
            with held():
                say("closing")
                {closing}
                say("closed")
except Terminated:
    say("terminated")
except KeyboardInterrupt:
    say("interrupted")
"""


def start(work: str, closing: str = "pass") -> subprocess.Popen[str]:
    script = SCRIPT.format(work=work, closing=closing)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def said(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{line}\n"


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_the_first_signal_stops_the_work_and_lets_it_close(number: int, word: str) -> None:
    process = start("say('working'); time.sleep(60)")
    said(process, "working")
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert (output.splitlines(), errors, process.returncode) == (["closing", "closed", word], "", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_process_at_once(number: int) -> None:
    process = start("say('working'); time.sleep(60)", closing="time.sleep(60)")
    said(process, "working")
    process.send_signal(signal.SIGINT)
    said(process, "closing")
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert (output, process.returncode) == ("", 128 + number)
    assert errors == "stopped at once: what was finished is kept\n"


def test_a_signal_while_it_closes_anyway_waits_for_the_end_of_that() -> None:
    process = start("pass", closing="sys.stdin.readline()")
    said(process, "closing")
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    output, _ = process.communicate("go on\n", timeout=20)
    assert output.splitlines() == ["closed", "terminated"]


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_that_finds_a_finaliser_at_work_is_not_lost(number: int, word: str) -> None:
    finaliser = f"lambda self: __import__('signal').raise_signal({number})"
    process = start(f"type('Gone', (), {{'__del__': {finaliser}}})(); time.sleep(60)")
    output, errors = process.communicate(timeout=30)
    assert (output, errors) == (f"closing\nclosed\n{word}\n", "")


def test_what_an_interrupt_was_covered_by_is_seen_through() -> None:
    def close() -> None:
        raise OSError("the server is gone")

    class TerminationSignal(BaseException):
        """As Prefect's."""

    for interrupt, found in ((KeyboardInterrupt(), 130), (TerminationSignal(), 143), (Terminated(), 143)):
        with pytest.raises(OSError, match="gone") as caught:
            try:
                raise interrupt
            finally:
                close()
        assert (uncovered := covered(caught.value)) is not None
        assert exit_code(uncovered) == found
    assert covered(OSError("the server is gone")) is None


SERVER = """
import threading
from services.interrupts import ended_by, interruptible

def say(text):
    print(text, flush=True)

told = threading.Event()
with interruptible():
    with ended_by(told.set):
        say("serving")
        told.wait()
        say("closing")
        sys.stdin.readline()
    say("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_is_told_to_end_and_a_second_signal_ends_it_at_once(number: int) -> None:
    ends = {False: (["ended"], 0), True: ([], 128 + number)}
    for again, (rest, code) in ends.items():
        process = subprocess.Popen(
            [sys.executable, "-c", f"import sys{SERVER}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said(process, "serving")
        process.send_signal(number)
        said(process, "closing")
        if again:
            process.send_signal(number)
        output, _ = process.communicate("\n" if not again else None, timeout=20)
        assert (output.splitlines(), process.returncode) == (rest, code)
