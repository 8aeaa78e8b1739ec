"""Objects that one thread at a time may use, lent out: as many are made as are ever used at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Lent = TypeVar("Lent")


class Borrowing(Generic[Lent]):
    """A pool of equal objects. Safe in several threads at once."""

    def __init__(self, make: Callable[[], Lent]) -> None:
        """make: called when all that were made before are lent."""
        self._make = make
        self._idle: deque[Lent] = deque()

    @contextmanager
    def one(self) -> Iterator[Lent]:
        """One of them, for the duration of the block."""
        try:
            lent = self._idle.pop()
        except IndexError:
            lent = self._make()
        try:
            yield lent
        finally:
            self._idle.append(lent)
