"""Limits of the decoding process: memory, CPU time, open files, bytes written, and how long its owner waits for it.

The process limits itself as far as the system allows (`confine`), and its owner has a time-out as well (`awaiting`), because a process that
hangs may not notice its own limit. Does not know decoders or pipes.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from screener.settings import ScanSettings
from screener.video.readers.reader import DECODER_THREADS

GRACE_SECONDS = 5.0
"""Time for the decoder to notice the time limit by itself, and again for the process to notice that the decoder did not."""

_OPEN_FILES = 256
_WRITTEN_BYTES = 1 << 30
_CHECK_SECONDS = 0.5


def stall_seconds(settings: ScanSettings) -> float:
    """How long a single step of the decoder may take."""
    limit = settings.time_limit_seconds
    return settings.stall_seconds if limit is None else min(settings.stall_seconds, limit + GRACE_SECONDS)


def confine(settings: ScanSettings) -> None:
    """Set the limits of this process for its next input. Can be called again: only the soft limits are changed."""
    try:
        import resource
    except ImportError:  # this system has no such limits
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    memory = settings.decoder_memory_mb << 20
    wanted = {
        resource.RLIMIT_CORE: 0,
        # A card's driver reserves more address space than any limit and uses little of it, so only writable memory is limited there.
        resource.RLIMIT_DATA if settings.decodes_on_card else resource.RLIMIT_AS: memory,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_FSIZE: _WRITTEN_BYTES,
    }
    if settings.time_limit_seconds is None:
        wanted[resource.RLIMIT_CPU] = resource.RLIM_INFINITY  # an earlier input may have had a limit
    else:
        spare = settings.time_limit_seconds * DECODER_THREADS + 2 * GRACE_SECONDS
        wanted[resource.RLIMIT_CPU] = int(used.ru_utime + used.ru_stime + spare) + 1
    for kind, limit in wanted.items():
        _, hard = resource.getrlimit(kind)
        lowest = [one for one in (limit, hard) if one != resource.RLIM_INFINITY]
        resource.setrlimit(kind, (min(lowest, default=resource.RLIM_INFINITY), hard))


class _Clock:
    """Kills processes that keep their owner waiting too long; one thread serves all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[subprocess.Popen[bytes], float] = {}
        self._thread: threading.Thread | None = None

    def set(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        with self._lock:
            self._due[process] = time.monotonic() + seconds
            if self._thread is None or not self._thread.is_alive():  # threads do not survive a fork
                self._thread = threading.Thread(target=self._run, name="decoder-clock", daemon=True)
                self._thread.start()

    def clear(self, process: subprocess.Popen[bytes]) -> bool:
        """Stop the clock; returns whether the process was killed."""
        with self._lock:
            return self._due.pop(process, None) is None

    def _run(self) -> None:
        while True:
            time.sleep(_CHECK_SECONDS)
            with self._lock:
                late = [process for process, due in self._due.items() if time.monotonic() > due]
                for process in late:
                    del self._due[process]
                    process.kill()


_clock = _Clock()


@contextmanager
def awaiting(process: subprocess.Popen[bytes], seconds: float) -> Iterator[list[bool]]:
    """Kill the process if the block takes longer than `seconds`; then the list that is yielded is no longer empty."""
    killed: list[bool] = []
    _clock.set(process, seconds)
    try:
        yield killed
    finally:
        if _clock.clear(process):
            killed.append(True)
