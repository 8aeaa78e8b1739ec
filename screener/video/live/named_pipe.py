"""The reading end of a named pipe, held open across reconnections so that the writer is not interrupted while nothing decodes."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path

CHUNK_BYTES = 1 << 16
MOST_CHUNKS = 64


class HeldPipe:
    """Keeps a named pipe open; reads only data that is to be discarded."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))

    def has_data(self, timeout_seconds: float) -> bool:
        """Wait for data; False if none comes in time. A pipe that has no writer has none."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(timeout_seconds * 1000))

    def drain(self) -> None:
        """Discard what was written and not read: it would be old by the time of the next connection."""
        with suppress(BlockingIOError):
            for _ in range(MOST_CHUNKS):
                if not os.read(self._descriptor, CHUNK_BYTES):
                    return

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._descriptor)
