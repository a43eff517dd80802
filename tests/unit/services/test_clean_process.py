"""The process that checks packages: a new one, one for many, and never the end of who asks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services.clean_process import CleanProcess, CleanProcessError
from tests.helpers.packages import save_detector

RESIZES_OTHERWISE = """
print("a library that talks")
from PIL import Image
resize = Image.Image.resize
Image.Image.resize = lambda image, size, *more, **named: resize(image, size, Image.Resampling.NEAREST)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_detector(tmp_path_factory.mktemp("package") / "detector", 0)


def start_with(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python process that starts runs the code first."""
    (folder / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])))


def test_one_process_checks_many_packages_whatever_it_finds(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of a store")
    with CleanProcess() as process:
        first = process.parity(package)
        assert (first.passed, first.same_bytes, first.probes) == (True, True, 3)
        pid = process._process.pid if process._process else None
        assert "AWS_SECRET_ACCESS_KEY" not in psutil.Process(pid).environ()
        missing = process.parity(tmp_path / "nothing")
        assert missing.fault == (
            "its package does not work: nothing is not a detector package: detector.json is missing"
        )
        assert process.parity(package) == first
        assert process._process is not None and process._process.pid == pid
    assert process._process is None


def test_an_environment_that_gives_other_numbers_is_found_out(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_with(RESIZES_OTHERWISE, tmp_path, monkeypatch)
    with CleanProcess() as process:
        parity = process.parity(package)
    assert not parity.passed
    assert parity.fault is None
    assert parity.score_difference is not None and parity.score_difference > 1e-5


def test_another_processor_may_round_otherwise(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    with CleanProcess() as process:
        parity = process.parity(package)
    assert parity.passed
    assert parity.here != parity.there and parity.tolerance == 1e-5


def test_an_import_that_fails_is_told_as_what_it_is(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.99 is missing')")
    start_with("", tmp_path, monkeypatch)
    with (
        CleanProcess() as process,
        pytest.raises(CleanProcessError, match=r"checks packages: .*libcudart.so.99 is missing"),
    ):
        process.parity(package)


def test_a_process_that_dies_says_nothing_of_the_package_and_the_next_question_gets_a_new_one(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_with("import os; os._exit(3)", tmp_path, monkeypatch)
    with CleanProcess() as process:
        for _ in range(2):
            with pytest.raises(CleanProcessError, match=r"checks packages: it ended with 3: run again$"):
                process.parity(package)


def test_a_process_that_does_not_answer_is_ended(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_with("import time; time.sleep(600)", tmp_path, monkeypatch)
    with CleanProcess(seconds=1) as process:
        with pytest.raises(CleanProcessError, match="no answer within 1 s"):
            process.parity(package)
        assert process._process is None


def test_it_ends_with_who_started_it_even_where_that_is_killed() -> None:
    code = """
import os, signal
from services.clean_process import CleanProcess, CleanProcessError
print(CleanProcess()._start().pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _lives(pid):
        time.sleep(0.1)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
