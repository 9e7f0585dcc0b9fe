"""Keep freed memory in the process: a training step asks for the same large blocks again a moment later.

glibc returns large blocks to the kernel as soon as they are freed, and the kernel clears each page anew when it is
next touched. On two cores that costs a quarter of a step at 260K parameters (docs/benchmarks.md).
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask glibc to reuse freed blocks rather than return them; elsewhere do nothing. Return whether it agreed."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 2**30) and mallopt(_M_TRIM_THRESHOLD, _LARGEST))


def return_freed_memory() -> None:
    """Return what was kept to the kernel, between two trainings; elsewhere than with glibc do nothing."""
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
