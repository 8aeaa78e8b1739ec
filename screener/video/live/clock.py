"""The clock of a watch. It goes on while the machine sleeps, so that times in a watch stay true over a sleep, and nobody can set it.

All moments that are compared with each other, also between the decoding process and the watch, are by this clock. Waits and time-outs are
by `time.monotonic`, which stands still during sleep on Linux and macOS: a decoder that slept too has not been silent.
"""

from __future__ import annotations

import sys
import time


def now_seconds() -> float:
    """Seconds since some moment in the past, the same one in all processes."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)  # goes on during sleep there, unlike the clock behind `time.monotonic`
    return time.monotonic()  # on Windows it goes on during sleep
