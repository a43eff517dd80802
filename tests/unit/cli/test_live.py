"""What a person sees while jobs run."""

from __future__ import annotations

from io import StringIO
from time import sleep

import pytest
from rich.progress import Progress as Bars

from cli.live import BARS_MAX, Screen, live_progress, starting
from services.fleet import Fleet
from services.watching import Ended, Moved, Planned, Started, tell
from tocoad.stages.bars import progress_bars
from tocoad.stages.stage import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Not a fixture: pytest takes standard error back before the test begins."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    return terminal


def _rows(bars: Bars) -> list[str]:
    return [task.description for task in bars.tasks]


def test_few_running_jobs_have_a_bar_each_and_many_only_the_fleets_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch)
    fleet = Fleet()
    with progress_bars() as bars:
        screen = Screen(bars)
        fleet.hear(Planned(8000))
        for number in range(BARS_MAX):
            fleet.hear(Moved(f"stage1@d/{number}", Progress(3, 10, {"loss": 0.5})))
        screen.draw(fleet)
        assert _rows(bars) == [f"stage1@d/{number}" for number in range(BARS_MAX)]
        assert (bars.tasks[0].completed, bars.tasks[0].total, bars.tasks[0].fields["figures"]) == (3, 10, "loss 0.5")
        fleet.hear(Started("stage1@d/more"))
        screen.draw(fleet)
        assert _rows(bars) == [] and "9 running: stage1 9" in bars.line
        for number in range(BARS_MAX - 1):
            fleet.hear(Ended(f"stage1@d/{number}", "done"))
        screen.draw(fleet)
        assert _rows(bars) == [f"stage1@d/{BARS_MAX - 1}", "stage1@d/more"]
        assert bars.line.startswith("7/8000 jobs, ") and bars.line.endswith("; 2 running: stage1 2")


def test_a_terminal_shows_how_the_fleet_stands_when_all_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    with live_progress():
        tell(Planned(2))
        tell(Ended("stage1@d/a", "done"))
        tell(Ended("stage1@d/b", "failed"))
    assert "2/2" in terminal.getvalue() and "1 failed" in terminal.getvalue()


def test_a_terminal_shows_that_prefect_is_waited_for_and_nothing_of_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    with starting():
        while "starting Prefect" not in terminal.getvalue():
            sleep(0.01)
    erase_line = "\x1b[2K"
    assert erase_line in terminal.getvalue().rpartition("starting Prefect")[2]


def test_a_log_has_nothing_of_a_short_run(capsys: pytest.CaptureFixture[str]) -> None:
    with starting(), live_progress():
        tell(Planned(1))
        tell(Ended("stage1@d/a", "done"))
    assert capsys.readouterr().err == ""
