"""Work that was begun before its answer is asked for. Knows no tensors and no devices."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


def in_flight(begun: Iterator[T], count: int) -> Iterator[T]:
    """The items in order, each given out once `count` more have been drawn, or there are none left; 0 holds nothing back.

    An error in drawing is raised once those before it were given out, as if nothing had been held back. `begun` is left to the caller to
    close.
    """
    held: deque[T] = deque()
    try:
        for item in begun:
            held.append(item)
            if len(held) > count:
                yield held.popleft()
    except Exception:
        yield from held
        raise
    yield from held
