"""One run at a time for a category, whatever becomes of the others: with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.leases import said, start_holder
from tests.helpers.processes import wait_until
from tocoad.errors import StageError
from tocoad.files import lease as lease_module
from tocoad.files import ticket as ticket_module
from tocoad.files.lease import FOREVER, LeaseLostError, LeaseTakenError, lease, lease_of, on_behalf, still_held
from tocoad.files.workspace import Category, Workspace

GEAR, PLATE = Category("tiny", "gear"), Category("tiny", "plate")

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def start(workspace: Workspace) -> Iterator[Start]:
    """Starts a process that asks for a lease."""
    processes = []

    def start(what: str, *owners: str) -> subprocess.Popen[str]:
        process = start_holder(workspace.root, what, *owners)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def files(workspace: Workspace) -> list[Path]:
    return sorted((workspace.services_dir / "leases").glob("[0-9]*"))


def queued(workspace: Workspace, count: int) -> None:
    wait_until(f"{count} tickets", lambda: len(files(workspace)) == count, 30, 0.02)


def refusal(workspace: Workspace, owner: Category, wait: float = 0) -> str:
    with pytest.raises(LeaseTakenError) as caught, lease(workspace, [owner], "tocoad retrain tiny", wait):
        pass
    return str(caught.value)


def test_who_does_not_wait_is_told_in_one_line_who_holds_it_since_when_and_the_way_out(
    workspace: Workspace, start: Start
) -> None:
    holder = start("tocoad retrain tiny --force", "tiny/gear", "tiny/plate")
    assert said(holder) == "held"
    told = refusal(workspace, GEAR)
    assert "\n" not in told
    assert told.startswith("tiny/gear: tocoad retrain tiny --force (process ")
    assert f"(process {holder.pid} on {os.uname().nodename}, since {time.strftime('%Y-%m-%d')}" in told
    assert told.endswith(f"wait for longer (--wait), or end it (kill {holder.pid})")
    assert len(files(workspace)) == 1


def test_who_waits_says_for_whom_and_goes_on_when_the_other_has_ended(workspace: Workspace, start: Start) -> None:
    holder = start("tocoad retrain tiny", "tiny/gear", "tiny/plate")
    said(holder)
    waiting = start("tocoad data add", "tiny/plate", "tiny/gear")
    queued(workspace, 2)
    time.sleep(1.2)
    holder.communicate("end\n")
    assert said(waiting) == "waited"
    _, errors = waiting.communicate("end\n")
    assert errors.count("\n") == 1
    assert errors.startswith(f"waiting for tocoad retrain tiny (process {holder.pid} on ")
    assert errors.endswith("): it works on tiny/gear and 1 more\n")
    assert files(workspace) == []


def test_a_bounded_wait_ends(workspace: Workspace, start: Start) -> None:
    said(start("tocoad retrain tiny", "tiny/gear"))
    began = time.monotonic()
    refusal(workspace, GEAR, wait=1.2)
    assert 1.2 <= time.monotonic() - began < 10


def test_other_categories_go_on_undisturbed(workspace: Workspace, start: Start) -> None:
    said(start("tocoad retrain tiny --categories gear", "tiny/gear"))
    with lease(workspace, [PLATE, "tiny"], "tocoad retrain tiny --categories plate", wait=0) as held:
        assert not held.waited


def test_the_lease_of_a_killed_process_is_taken_over_at_once(workspace: Workspace, start: Start) -> None:
    holder = start("tocoad retrain tiny", "tiny/gear")
    said(holder)
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with lease(workspace, [GEAR], "tocoad retrain tiny", wait=0) as held:
        assert not held.waited
        assert files(workspace) == [held.ticket]


def test_the_lease_of_a_process_that_was_killed_while_it_waited_keeps_nobody_out(
    workspace: Workspace, start: Start
) -> None:
    holder, waiting = start("first", "tiny/gear"), None
    said(holder)
    waiting = start("second", "tiny/gear")
    queued(workspace, 2)
    waiting.kill()
    waiting.wait()
    holder.communicate("end\n")
    with lease(workspace, [GEAR], "third", wait=0):
        pass


def test_they_come_in_the_order_in_which_they_asked_and_no_two_at_once(workspace: Workspace, start: Start) -> None:
    first = start("first", "tiny/gear", "tiny/plate")
    said(first)
    others = []
    for number, owners in enumerate([("tiny/plate", "tiny/gear"), ("tiny/gear",), ("tiny/gear", "tiny/plate")]):
        others.append(start(f"number {number}", *owners))
        queued(workspace, number + 2)
    for holder, following in zip([first, *others], others, strict=False):
        assert len(refusal(workspace, GEAR)) > 0
        holder.communicate("end\n")
        assert said(following) == "waited"
    others[-1].communicate("end\n")
    assert files(workspace) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_waits_ends_it_at_once(workspace: Workspace, start: Start, number: int) -> None:
    said(start("first", "tiny/gear"))
    waiting = start("second", "tiny/gear")
    queued(workspace, 2)
    time.sleep(0.3)
    began = time.monotonic()
    waiting.send_signal(number)
    waiting.wait(10)
    assert time.monotonic() - began < 5
    with lease(workspace, [PLATE], "third", wait=0):
        pass


def test_nothing_takes_its_place_on_behalf_of_a_run_whose_lease_was_taken_over(
    workspace: Workspace, start: Start
) -> None:
    """A worker outlives its killed driver for a while."""
    holder = start("first", "tiny/gear")
    said(holder)
    (ticket,) = files(workspace)
    holder.kill()
    holder.wait()
    with on_behalf(ticket), still_held():
        pass  # nobody works there yet: what was finished may stay
    with lease(workspace, [GEAR], "second", wait=0):
        with on_behalf(ticket), pytest.raises(LeaseLostError), still_held():
            raise AssertionError("it went on")
        with still_held():
            pass


def test_nobody_takes_over_in_the_moment_in_which_something_takes_its_place(workspace: Workspace, start: Start) -> None:
    holder = start("first", "tiny/gear")
    said(holder)
    (ticket,) = files(workspace)
    holder.kill()
    holder.wait()
    with on_behalf(ticket), still_held():
        second = start("second", "tiny/gear")
        time.sleep(1)
        assert second.poll() is None
        assert files(workspace) == [ticket]
    assert said(second) in ("held", "waited")


def test_a_run_that_lost_its_lease_is_told(workspace: Workspace) -> None:
    with lease(workspace, [GEAR], "first") as held:
        assert held.ticket is not None
        held.ticket.unlink()
        with pytest.raises(StageError, match="took this one for dead"), still_held():
            raise AssertionError("it went on")


def test_within_a_lease_of_all_of_them_no_other_is_taken(workspace: Workspace) -> None:
    with lease(workspace, [GEAR, PLATE], "outer") as outer, lease(workspace, [PLATE], "inner", wait=0) as inner:
        assert inner is outer
        assert files(workspace) == [outer.ticket]


@pytest.fixture
def far(workspace: Workspace) -> Path:
    """The ticket of a process on another machine, whose lock is not seen here."""
    folder = workspace.services_dir / "leases"
    folder.mkdir(parents=True)
    document = {"command": "tocoad retrain tiny", "pid": 7, "host": "far", "kernel": "its own", "since": time.time()}
    file = folder / "00000001-far"
    file.write_text(json.dumps({**document, "claims": ["tiny/gear"]}))
    return file


@pytest.mark.parametrize("off", [3600, -3600])
def test_a_process_on_another_machine_lives_as_long_as_its_file_is_touched(
    workspace: Workspace, far: Path, monkeypatch: pytest.MonkeyPatch, off: int
) -> None:
    monkeypatch.setattr(ticket_module, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(lease_module, "_LOOK_SECONDS", 0.1)
    # Its clock is an hour ahead of ours, or behind: only that the time changes counts.
    its_time = time.time() + off
    began = time.monotonic()

    def touch(*_: object) -> None:
        if time.monotonic() - began < 2:
            os.utime(far, (its_time + time.monotonic() - began,) * 2)

    looked, lives = [], ticket_module.Watcher.lives
    monkeypatch.setattr(
        ticket_module.Watcher, "lives", lambda *a: (touch(), looked.append(time.monotonic()), lives(*a))[-1]
    )
    with lease(workspace, [GEAR], "here", FOREVER) as held:
        assert held.waited
        assert 2.5 < time.monotonic() - began < 20
        assert files(workspace) == [held.ticket]


def test_who_does_not_wait_takes_over_from_another_machine_only_what_is_old_by_any_clock(
    workspace: Workspace, far: Path
) -> None:
    told = refusal(workspace, GEAR)
    assert "(process 7 on far, since " in told and told.endswith("or end it on far")
    os.utime(far, (time.time() - 700,) * 2)
    with lease(workspace, [GEAR], "here", wait=0):
        assert not far.exists()


def test_a_holder_shows_that_it_lives(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_module, "BEAT_SECONDS", 0.05)
    with lease(workspace, [GEAR], "here") as held:
        assert held.ticket is not None
        os.utime(held.ticket, (0, 0))
        wait_until("a beat", lambda: held.ticket and held.ticket.stat().st_mtime > 0, 10, 0.02)


def test_a_damaged_ticket_of_the_dead_keeps_nobody_out(workspace: Workspace, far: Path) -> None:
    far.write_bytes(far.read_bytes()[:20])
    with lease(workspace, [GEAR], "here", wait=0):
        pass


def test_what_has_changed_while_it_waited_is_asked_for_too(workspace: Workspace, start: Start) -> None:
    """`tocoad data add` brings a category in while a retrain waits for it."""
    holder = start("tocoad data add", "tiny/gear")
    said(holder)
    plan = [GEAR]

    def end() -> None:
        plan.append(PLATE)
        holder.communicate("end\n")

    threading.Timer(0.3, end).start()
    with lease_of(workspace, lambda: plan, "tocoad retrain tiny", wait=30) as held:
        assert held.owners == {"tiny/gear", "tiny/plate"}
        assert files(workspace) == [held.ticket]


def test_who_holds_some_is_not_let_wait_for_itself(workspace: Workspace) -> None:
    with (
        lease(workspace, [GEAR], "outer"),
        pytest.raises(StageError, match="has changed since it began: run the same again"),
        lease(workspace, [GEAR, PLATE], "inner", wait=1),
    ):
        raise AssertionError("it went on")
