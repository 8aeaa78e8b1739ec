"""How many cores PyTorch uses in a thread. Each thread has its own number, which PyTorch assigns at the thread's first computation.

Nothing here loads PyTorch: where it is not loaded, there is nothing to be set. Does not know the stages that share the cores.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

from screener.errors import DeviceError


@cache
def core_count() -> int:
    """How many cores this process may use: all of the machine's, or fewer if the user has limited them by affinity or OMP_NUM_THREADS.

    As many as PyTorch used before any thread's number was changed, if it is loaded.
    """
    if torch := _loaded():
        return int(torch.get_num_threads())
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(allowed, int(limit)) if limit.isdigit() and int(limit) else allowed


def use_one_core() -> None:
    """From now on PyTorch computes on one core in this thread, for work in steps too small to be worth sharing.

    This also changes the default for threads that have not computed yet; `use_cores` sets a thread's own number.
    """
    if torch := _loaded():
        torch.get_num_threads()  # without this call, the thread would take over another's number at its first computation
        torch.set_num_threads(1)


def use_cores(count: int) -> None:
    """From now on PyTorch uses `count` cores for what this thread computes. Raises DeviceError where that would hang."""
    _watch_forks()
    if _Fork.lacks_threads:
        raise DeviceError(
            "this process was forked from one in which PyTorch had computed, whose threads are not in the copy: it would hang; start it "
            'with multiprocessing.get_context("spawn")'
        )
    if (torch := _loaded()) and torch.get_num_threads() != count:
        torch.set_num_threads(count)


def _loaded() -> Any:
    """PyTorch, if it is loaded."""
    return sys.modules.get("torch")


class _Fork:
    """lacks_threads: whether this process was forked from one whose PyTorch already had threads."""

    lacks_threads = False


@cache
def _watch_forks() -> None:
    """Make processes that are forked after the first computation know that they are forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: setattr(_Fork, "lacks_threads", True))
