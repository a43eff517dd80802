from __future__ import annotations

import platform
import resource

import pytest
import torch
from skip_report import reason

from tocoad.nn.allocator import keep_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason=reason("the setting is glibc's", "on Linux with glibc"))
def test_memory_that_was_freed_is_used_again_without_page_faults() -> None:
    keep_memory()
    size = 2**25  # bytes; glibc would take a block of this size from the kernel each time
    torch.ones(size // 4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(size // 4)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    # All ten times without it; once more with it where what came before has left no hole of the size.
    assert faults < 2 * size / resource.getpagesize()
