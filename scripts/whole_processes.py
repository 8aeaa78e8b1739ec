"""Times whole processes, their children included: for the scripts that compare them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Spent(NamedTuple):
    """Seconds of one process, its children included."""

    wall: float
    cpu: float


def spent(command: Sequence[str], allowed: Sequence[int] = (0,), text: str = "", folder: Path | None = None, **environment: str) -> Spent:
    """One run of a command that reads `text`. Ends the program where it ends with a status that is not `allowed`."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        list(command), cwd=folder, env={**os.environ, **environment}, input=text, capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode not in allowed:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr}")
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
