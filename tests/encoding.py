"""Encoding in a thread that ends with it: run as root, SVT-AV1 makes the thread that calls it a real-time one, for good.

Whatever came after in that process, and all processes it started, would go before everything else on the machine; two such threads that
wait for each other on one core never end. Does not know what is encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def apart(encode: Callable[P, T]) -> Callable[P, T]:
    """The same function, run in a thread of its own."""

    @wraps(encode)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with ThreadPoolExecutor(1, thread_name_prefix="encoding") as executor:
            return executor.submit(encode, *args, **kwargs).result()

    return run
