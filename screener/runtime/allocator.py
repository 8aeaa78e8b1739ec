"""Makes the C library's allocator keep memory that networks free: tensors of the same large sizes are allocated again at every step.

By default glibc returns blocks of over 32 MB to the system at once, so every step has to fault the pages in again. Measured on two cores: a
training step of the head took 1.8 times as long, the first network of the face detector 2.4 times. Only glibc is supported; elsewhere
nothing happens.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameter numbers of `mallopt(3)`."""

KEPT = {M_MMAP_THRESHOLD: 1 << 30, M_TRIM_THRESHOLD: (1 << 31) - 1, M_TOP_PAD: 1 << 28}
"""Values in bytes: blocks of up to a gigabyte come from the heap, which is never trimmed and grows in large steps."""


def keep_freed_memory() -> bool:
    """Set this for the rest of the process; returns whether the allocator accepted it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        # Not glibc: macOS has no mallopt, Windows no library of this name.
        return False
    return all(bool(mallopt(name, size)) for name, size in KEPT.items())
