"""The reading end of a named pipe, held open across reconnections: whoever writes is not cut off while nobody decodes."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path

CHUNK_BYTES = 1 << 16
MOST_CHUNKS = 64


class HeldPipe:
    """Reads nothing but what is to be thrown away."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))

    def has_data(self, timeout_seconds: float) -> bool:
        """Wait for someone to write. A pipe that nobody has open for writing has none."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(timeout_seconds * 1000))

    def drain(self) -> None:
        """Throw away what was written and not read: by the time of the next connection it is old."""
        with suppress(BlockingIOError):
            for _ in range(MOST_CHUNKS):
                if not os.read(self._descriptor, CHUNK_BYTES):
                    return

    def close(self) -> None:
        os.close(self._descriptor)
