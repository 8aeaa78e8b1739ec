"""Shared memory for passing decoded pictures between two processes without a pipe.

It has a few slots of fixed size. The receiver copies a picture out of its slot and then reports the slot as free. Knows bytes, not pictures
or requests. On systems without memfd (all but Linux) there is no such memory, and pictures go through the pipe.
"""

from __future__ import annotations

import mmap
import os
import sys

import numpy as np
from numpy.typing import NDArray

from screener.runtime.standard_streams import hold

SLOTS = 2
"""One is filled while the other is emptied."""

SLOT_BYTES = 64 << 20
"""Larger pictures, of more than 22 million pixels, go through the pipe, because memory that was touched once stays allocated. Untouched
memory costs nothing.
"""


class FrameMemory:
    """The slots, as used by either process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._bytes = np.frombuffer(mmap.mmap(descriptor, SLOTS * SLOT_BYTES), np.uint8)

    @classmethod
    def create(cls) -> FrameMemory | None:
        """New memory, or None if the system does not support it. It is sealed against shrinking: reading past its end would kill the
        reader.
        """
        if sys.platform != "linux":
            return None
        import fcntl

        hold()  # otherwise the memory could get descriptor 0, 1 or 2, which the child replaces
        try:
            descriptor = os.memfd_create("screener-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(descriptor, SLOTS * SLOT_BYTES)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        except OSError:
            return None
        return cls(descriptor)

    def write(self, slot: int, picture: NDArray[np.uint8]) -> bool:
        """Copy a picture into a slot; False if it does not fit."""
        if picture.nbytes > SLOT_BYTES:
            return False
        start = slot * SLOT_BYTES
        self._bytes[start : start + picture.nbytes].reshape(picture.shape)[...] = picture
        return True

    def read(self, slot: int, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """A copy of the picture in a slot. Raises ValueError if the slot or shape is impossible."""
        count = int(np.prod(shape))
        if not (0 <= slot < SLOTS and 0 < count <= SLOT_BYTES):
            raise ValueError(f"slot {slot}, shape {shape}: expected one of {SLOTS} slots and at most {SLOT_BYTES} bytes")
        start = slot * SLOT_BYTES
        return self._bytes[start : start + count].reshape(shape).copy()

    def close(self) -> None:
        """Close the descriptor; the memory is freed with the last process that has it."""
        os.close(self.descriptor)
