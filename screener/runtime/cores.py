"""How many cores PyTorch uses in a thread. Each thread has its own number, which PyTorch assigns at the thread's first computation.

Does not know the stages that share the cores.
"""

from __future__ import annotations

import os
from functools import cache

import torch

from screener.errors import DeviceError


@cache
def core_count() -> int:
    """How many cores PyTorch used before any thread's number was changed: all of the machine's, or fewer if the user has limited them."""
    return int(torch.get_num_threads())


def use_one_core() -> None:
    """From now on PyTorch computes on one core in this thread, for work in steps too small to be worth sharing.

    This also changes the default for threads that have not computed yet; `use_cores` sets a thread's own number.
    """
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
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


class _Fork:
    """lacks_threads: whether this process was forked from one whose PyTorch already had threads."""

    lacks_threads = False


@cache
def _watch_forks() -> None:
    """Make processes that are forked after the first computation know that they are forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: setattr(_Fork, "lacks_threads", True))
