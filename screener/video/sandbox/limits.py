"""What the decoding process may use: memory, processor time, open files, bytes written, and how long it may keep its owner waiting.

The process limits itself as far as the system can (`confine`), and its owner holds a clock on it besides (`awaiting`), for a decoder that
is stuck may be past hearing its own. Does not know decoders or pipes.
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
"""For the decoder to notice the time limit by itself, and again for the process to notice that the decoder did not."""

_OPEN_FILES = 256
_WRITTEN_BYTES = 1 << 30
_CHECK_SECONDS = 0.5


def stall_seconds(settings: ScanSettings) -> float:
    """How long a single step of the decoder may take."""
    limit = settings.time_limit_seconds
    return settings.stall_seconds if limit is None else min(settings.stall_seconds, limit + GRACE_SECONDS)


def confine(settings: ScanSettings) -> None:
    """Put this process under the limits of its next input. Can be called again: only what may be used is lowered and raised, never what is
    allowed at most."""
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    memory = settings.decoder_memory_mb << 20
    wanted = {
        resource.RLIMIT_CORE: 0,
        # A card's driver reserves more addresses than any limit, of which it uses few: there only what can be written to is limited.
        resource.RLIMIT_DATA if settings.decodes_on_card else resource.RLIMIT_AS: memory,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_FSIZE: _WRITTEN_BYTES,
    }
    if settings.time_limit_seconds is not None:
        spare = settings.time_limit_seconds * DECODER_THREADS + 2 * GRACE_SECONDS
        wanted[resource.RLIMIT_CPU] = int(used.ru_utime + used.ru_stime + spare) + 1
    for kind, limit in wanted.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(hard, limit), hard))


class _Clock:
    """Kills processes that let their owner wait for too long, from one thread for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[subprocess.Popen[bytes], float] = {}
        self._thread: threading.Thread | None = None

    def set(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        with self._lock:
            self._due[process] = time.monotonic() + seconds
            if self._thread is None or not self._thread.is_alive():  # it does not survive a fork
                self._thread = threading.Thread(target=self._run, name="decoder-clock", daemon=True)
                self._thread.start()

    def clear(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it was killed meanwhile."""
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
    """Wait for a process, which is killed after so many seconds; the list that is given is then not empty in the end."""
    killed: list[bool] = []
    _clock.set(process, seconds)
    try:
        yield killed
    finally:
        if _clock.clear(process):
            killed.append(True)
