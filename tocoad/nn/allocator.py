"""How the process gets memory for tensors: it keeps what it has got, in huge pages. Changes no number.

A training step allocates and frees hundreds of megabytes in tensors that glibc would take from the kernel one by one
and give back at once: on one core a third of the encoder's forward pass went into page faults.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 2**30  # bytes; a larger block is still one of its own, which goes back to the kernel when freed


@lru_cache(maxsize=1)
def keep_memory() -> None:
    """For the rest of the process. Does nothing where the C library is not glibc."""
    # Read by torch at its first large allocation; asks for huge pages where the kernel gives them on request.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # no such library, or no such function in it
        return
    set_option(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    set_option(_M_TRIM_THRESHOLD, 2 * _LARGEST_KEPT - 1)
