"""Work in a thread that ends with it, so that whatever a library does to the thread that calls it ends there too.

Run as root, SVT-AV1 makes the thread that encodes a real-time one, for good: whatever came after in that thread, and all processes it
started, would go before everything else on the machine. Does not know what is done.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def apart(work: Callable[P, T]) -> Callable[P, T]:
    """The same function, run in a thread of its own."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with ThreadPoolExecutor(1, thread_name_prefix="apart") as executor:
            return executor.submit(work, *args, **kwargs).result()

    return run
