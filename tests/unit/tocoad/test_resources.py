from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tocoad.resources import measured

# In a process of its own: what earlier tests got from the system and keep would hide the block.
_PEAKS = """
import json, numpy as np
from tocoad.resources import measured
def peak(megabytes):
    with measured() as usage:
        block = np.ones(megabytes * 2**17)
        del block
        return usage().peak_memory
peak(1)
print(json.dumps([peak(1), peak(300), peak(1)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the greatest resident set is Linux's")
def test_the_peak_is_that_of_the_block_alone() -> None:
    done = subprocess.run([sys.executable, "-c", _PEAKS], capture_output=True, text=True, check=True)
    small, large, small_again = json.loads(done.stdout)
    assert large - small > 250 * 2**20
    assert small_again < large - 200 * 2**20


def test_seconds_of_the_clock_and_of_the_processor() -> None:
    with measured() as usage:
        sum(i * i for i in range(200_000))
        used = usage()
    assert used.cpu_seconds > 0
    assert used.cpu_seconds < used.seconds + 0.1
