"""Work that is started before its result is needed. Knows neither tensors nor devices."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


def in_flight(begun: Iterator[T], count: int) -> Iterator[T]:
    """Yield the items in order, each one after `count` more have been drawn or none are left; 0 holds nothing back.

    An error in drawing is raised after the items before it were yielded, as if nothing had been held back. The caller closes `begun`.
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
