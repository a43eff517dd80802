from __future__ import annotations

from contextvars import ContextVar
from threading import Thread
from time import sleep

import pytest

from services.fleet import Fleet, told, told_in_lines
from services.watching import Ended, Event, Moved, Planned, Started, tell, telling, watching
from tocoad.stages.stage import Progress


def heard(*events: Event, seconds: float = 60.0) -> Fleet:
    moments = iter([0.0])
    fleet = Fleet(clock=lambda: next(moments, seconds))
    for event in events:
        fleet.hear(event)
    return fleet


def test_one_line_tells_of_eight_thousand_jobs() -> None:
    done: list[Event] = [Ended(f"manifest@d/{number}", "done") for number in range(400)]
    running: list[Event] = [Started(f"fit_tocoad@d/{number}") for number in range(60)]
    running += [Moved(f"stage1@d/{number}", Progress(1, 9)) for number in range(400, 440)]
    failed: list[Event] = [Ended("stage1@d/1000", "failed"), Ended("fit_tocoad@d/1000", "left out")]
    line = heard(Planned(8000), *done, *running, *failed, seconds=600).line()
    # 400 in ten minutes: 7,598 take 11,397 seconds more.
    assert line == (
        "402/8000 jobs, 0:10:00 gone, about 3:09:57 left; 1 failed, 1 left out; 100 running: fit_tocoad 60, stage1 40"
    )


def test_a_job_that_failed_and_is_tried_again_has_not_failed() -> None:
    fleet = heard(Planned(1), Started("a@d"), Ended("a@d", "failed"), Started("a@d"))
    assert "failed" not in fleet.line() and list(fleet.running) == ["a@d"]
    fleet.hear(Ended("a@d", "done"))
    assert fleet.line() == "1/1 jobs, 0:01:00 gone"


def test_a_letter_that_comes_after_the_jobs_end_does_not_wake_it() -> None:
    fleet = heard(Planned(2), Ended("a@d", "done"), Moved("a@d", Progress(9, 9)))
    assert not fleet.running and fleet.line() == "1/2 jobs, 0:01:00 gone, about 0:01:00 left"


def test_what_did_not_have_to_run_says_nothing_about_the_pace() -> None:
    fleet = heard(Planned(10), *(Ended(f"a@{number}", "unchanged") for number in range(8)), Ended("b@d", "done"))
    assert fleet.seconds_left == 60.0
    assert heard(Planned(10), Ended("a@d", "unchanged")).seconds_left is None


def test_of_jobs_that_nobody_planned_it_does_not_claim_to_know_how_many_there_are() -> None:
    assert heard(Ended("a@d", "done"), Started("b@d")).line() == "1 jobs ended, 0:01:00 gone; 1 running: b 1"
    assert heard(Planned(1), Ended("a@d", "done"), Started("b@d")).line().startswith("1/2 jobs, ")


def test_many_kinds_of_stages_do_not_make_the_line_long() -> None:
    assert heard(*(Started(f"stage{kind}@d") for kind in range(9))).at_work() == (
        "9 running: stage0 1, stage1 1, stage2 1, stage3 1, ..."
    )


def test_nothing_of_ten_thousand_letters_from_ten_threads_is_lost() -> None:
    fleets: list[Fleet] = []

    def work(number: int) -> None:
        for job in range(1000):
            tell(Started(f"{job}@{number}"))
            tell(Ended(f"{job}@{number}", "done"))

    with told(fleets.append, 0.001):
        tell(Planned(10_000))
        threads = [Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(fleets[-1].ended) == 10_000 and not fleets[-1].running


def test_a_log_has_a_line_every_so_often_while_jobs_run() -> None:
    lines: list[str] = []
    with told_in_lines(lines.append, 0.01):
        sleep(0.05)
        assert lines == []  # nothing is planned yet
        tell(Planned(8000))
        tell(Ended("stage1@d/a", "failed"))
        while not lines:
            sleep(0.01)
    assert len(lines) > 1 and all(line.startswith("1/8000 jobs, ") or "0/8000" in line for line in lines)
    assert lines[-1].endswith("; 1 failed")


def test_its_thread_tells_in_the_context_that_it_was_started_in() -> None:
    address: ContextVar[str] = ContextVar("address", default="none")
    address.set("http://here")
    seen: list[str] = []
    with told(lambda _: seen.append(address.get()), 0.01):
        while not seen:
            sleep(0.01)
    assert set(seen) == {"http://here"}


def test_what_is_no_stage_is_told_of_like_one() -> None:
    heard: list[Event] = []
    with watching(heard.append):
        with telling("report@d") as progress:
            progress(Progress(1, 2))
        with pytest.raises(OSError), telling("register@d/a"):
            raise OSError("away")
    assert heard == [
        Started("report@d"),
        Moved("report@d", Progress(1, 2)),
        Ended("report@d", "done"),
        Started("register@d/a"),
        Ended("register@d/a", "failed"),
    ]


def test_a_listener_that_fails_hurts_neither_the_work_nor_the_other_listeners(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Event] = []

    def fail(_: Event) -> None:
        raise OSError("the terminal is gone")

    with watching(fail), watching(heard.append):
        tell(Planned(1))
        tell(Started("a@d"))
    assert len(heard) == 2
    assert len(caplog.records) == 1 and "Planned(jobs=1) could not be shown" in caplog.text
