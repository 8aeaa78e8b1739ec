"""Runs a function in a thread that ends with it, so that whatever a library changes about its calling thread is gone afterwards.

When run as root, SVT-AV1 permanently gives the thread that encodes real-time priority. Everything that thread did later, and every process
it started, would take precedence over everything else on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def apart(work: Callable[P, T]) -> Callable[P, T]:
    """The same function, but each call runs in a new thread and waits for it."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with ThreadPoolExecutor(1, thread_name_prefix="apart") as executor:
            return executor.submit(work, *args, **kwargs).result()

    return run
