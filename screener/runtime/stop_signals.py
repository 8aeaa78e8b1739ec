"""SIGINT, SIGTERM and SIGHUP as exceptions that never interrupt the writing of a report half-way.

Knows only signals: not what is running when one arrives, nor which exit status it leads to.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Those that stop a command. SIGHUP, which Windows does not have, comes when the terminal is closed or its connection is lost."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived; like KeyboardInterrupt, nothing below the command may swallow it."""


def left_to_parent(_worker: int = 0) -> None:
    """Ignore, in a process that works for another, what a terminal sends to all processes in it: the parent decides."""
    for number in SIGNALS:
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)


def stop_behind(error: BaseException) -> BaseException | None:
    """The KeyboardInterrupt or Terminated during whose handling an error was raised, if any."""
    before = error.__context__
    while before is not None and not isinstance(before, KeyboardInterrupt | Terminated):
        before = before.__context__
    return before


class StopSignals:
    """Raises KeyboardInterrupt or Terminated at whatever point the program has reached or, while held back, as soon as the block ends."""

    def __init__(self) -> None:
        self._held = False
        self._only_first = False
        self._waiting: BaseException | None = None

    def listen(self) -> None:
        """Start handling signals; main thread only. A signal that was ignored when the program started, as by `nohup`, stays ignored."""
        self._held, self._only_first, self._waiting = False, False, None
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._arrived)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Delay signals that arrive within the block until it has ended."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        stop, self._waiting = self._waiting, None
        if stop is not None:
            self._raise(stop)

    def only_first(self) -> None:
        """From now on only the first signal is raised: pressing Ctrl-C twice must not interrupt the cleaning up."""
        self._only_first = True

    def ignore(self) -> None:
        """From now on signals are ignored: the program is about to end by itself."""
        self._held = True

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        stop = KeyboardInterrupt() if number == signal.SIGINT else Terminated()
        if hasattr(signal, "SIGCHLD") and callable(signal.getsignal(signal.SIGCHLD)):
            # PyTorch's handler raises an error for a worker that the same signal ended, wherever the program is, even in its last lines.
            signal.signal(signal.SIGCHLD, _unheard)
        if not self._held:
            self._raise(stop)
        self._waiting = stop

    def _raise(self, stop: BaseException) -> NoReturn:
        self._held = self._only_first
        raise stop


def _unheard(_number: int, _frame: FrameType | None) -> None:
    """Handles a signal by doing nothing. Of one that is set to be ignored while it is pending, Python would print that it was lost."""
