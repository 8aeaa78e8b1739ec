"""Wall time, CPU time and memory of this process and of the decoding processes that it started.

Children are counted while they run where the system reports on them (Linux); elsewhere only after they have ended. Knows nothing of video.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass
class Spent:
    """wall_seconds, cpu_seconds: of the measured block; final when it has ended."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def spending() -> Iterator[Spent]:
    """Measure the block."""
    spent = Spent()
    wall, cpu = time.perf_counter(), cpu_seconds()
    try:
        yield spent
    finally:
        spent.wall_seconds, spent.cpu_seconds = time.perf_counter() - wall, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """CPU time so far, of all threads, of living children, and of those that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(_cpu_seconds_of(child) for child in _children())


def peak_bytes() -> int:
    """Peak resident memory so far of this process and of each living child, added up."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES + sum(_peak_bytes_of(child) for child in _children())


def _children() -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:  # the thread has just ended
            continue
    return found


def _cpu_seconds_of(child: int) -> float:
    try:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_bytes_of(child: int) -> int:
    try:
        lines = Path(f"/proc/{child}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
