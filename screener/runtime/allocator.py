"""The C library's allocator, told to keep what networks free: large tensors come and go with every step, in the same sizes.

Left to itself glibc gives blocks of over 32 MB back to the system at once, and every step pays for the pages anew: on two cores a step of
training a head took 1.8 times as long, the first network of the face detector 2.4 times. Knows glibc alone; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Of `mallopt(3)`."""

KEPT = {M_MMAP_THRESHOLD: 1 << 30, M_TRIM_THRESHOLD: (1 << 31) - 1, M_TOP_PAD: 1 << 28}
"""Bytes: blocks up to a gigabyte come from the heap, which is not trimmed and grows in large steps."""


def keep_freed_memory() -> bool:
    """For the rest of the process; whether the allocator took it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        # Not glibc: macOS has no mallopt, Windows no library of this name.
        return False
    return all(bool(mallopt(name, size)) for name, size in KEPT.items())
