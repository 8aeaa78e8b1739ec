"""SIGINT and SIGTERM as exceptions that never cut a piece of a report in two.

Knows signals only. Does not know what is being done when one arrives, nor which exit status it leads to.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, nothing between here and the command may swallow it."""


class StopSignals:
    """Raises KeyboardInterrupt or Terminated where the program happens to be, or, while held back, as soon as it no longer is."""

    def __init__(self) -> None:
        self._held = False
        self._only_first = False
        self._waiting: BaseException | None = None

    def listen(self) -> None:
        """From now on; main thread only. A signal that whoever started the program had it ignore, as `nohup` does, stays ignored."""
        self._held, self._only_first, self._waiting = False, False, None
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._arrived)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let the block come to its end before a signal that arrives meanwhile is raised."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        stop, self._waiting = self._waiting, None
        if stop is not None:
            self._raise(stop)

    def only_first(self) -> None:
        """From now on the first signal is raised and the others change nothing: whoever presses twice must not spoil the tidying up."""
        self._only_first = True

    def ignore(self) -> None:
        """From now on a signal changes nothing: the program is about to end by itself."""
        self._held = True

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        stop = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if not self._held:
            self._raise(stop)
        self._waiting = stop

    def _raise(self, stop: BaseException) -> NoReturn:
        self._held = self._only_first
        raise stop
