"""How many cores PyTorch uses for what a thread computes. Each thread has its own number; PyTorch gives it one at its first computation.

Does not know the stages that share them.
"""

from __future__ import annotations

import os
from functools import cache

import torch

from screener.errors import DeviceError


@cache
def core_count() -> int:
    """How many PyTorch used before anyone was given a number: the machine's, or fewer if the user has said so."""
    return int(torch.get_num_threads())


def use_one_core() -> None:
    """From here on PyTorch computes in this thread alone, for work in steps too small to be worth sharing.

    What PyTorch hands to threads that have not computed yet changes with it: `use_cores` sets a thread's own.
    """
    torch.get_num_threads()  # a thread that was never asked would take the others' number at its first computation
    torch.set_num_threads(1)


def use_cores(count: int) -> None:
    """From here on PyTorch uses so many threads for what this thread computes. Raises DeviceError where that would hang."""
    _watch_forks()
    if _Fork.lacks_threads:
        raise DeviceError(
            "this process was forked from one in which PyTorch had computed, whose threads are not in the copy: it would hang; start it "
            'with multiprocessing.get_context("spawn")'
        )
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


class _Fork:
    """lacks_threads: whether this process is a copy of one whose PyTorch had threads."""

    lacks_threads = False


@cache
def _watch_forks() -> None:
    """From the first computation on, copies of this process know that they are some."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: setattr(_Fork, "lacks_threads", True))
