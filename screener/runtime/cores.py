"""How many cores PyTorch uses for what a thread computes. Each thread has its own number; PyTorch gives it one at its first computation.

Does not know the stages that share them.
"""

from __future__ import annotations

from functools import cache

import torch


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
    """From here on PyTorch uses so many threads for what this thread computes."""
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
