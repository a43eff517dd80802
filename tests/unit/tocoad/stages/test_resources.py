from __future__ import annotations

import json
import subprocess
import sys

import pytest
from skip_report import reason

from tocoad.stages.resources import Meter, Usage

# In a process of its own: what earlier tests got from the system and keep would hide the block.
_PEAKS = """
import json, numpy as np
from tocoad.stages.resources import Meter
def peak(megabytes):
    meter = Meter()
    block = np.ones(megabytes * 2**17)
    del block
    return meter.read().peak_memory
peak(1)
print(json.dumps([peak(1), peak(300), peak(1)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason=reason("the greatest resident set is Linux's", "on Linux"))
def test_the_peak_is_that_of_the_block_alone() -> None:
    done = subprocess.run([sys.executable, "-c", _PEAKS], capture_output=True, text=True, check=True)
    small, large, small_again = json.loads(done.stdout)
    assert large - small > 250 * 2**20
    assert small_again < large - 200 * 2**20


def test_seconds_of_the_clock_and_of_the_processor() -> None:
    meter = Meter()
    sum(i * i for i in range(200_000))
    used = meter.read()
    assert used.cpu_seconds > 0
    assert used.cpu_seconds < used.seconds + 0.1


def test_what_was_taken_before_an_interruption_counts() -> None:
    meter = Meter()
    meter.resume(Usage(seconds=1000.0, cpu_seconds=900.0, peak_memory=2**50))
    meter.resume(Usage(seconds=100.0, cpu_seconds=90.0, peak_memory=None))
    used = meter.read()
    assert 1100 <= used.seconds < 1160
    assert 990 <= used.cpu_seconds < 1050
    assert used.peak_memory == 2**50
