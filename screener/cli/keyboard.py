"""Key presses in the terminal, one at a time and without Enter. There are none if standard input is not a terminal."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any


class Keys:
    """A context manager that restores the terminal on exit. Signals such as Ctrl-C keep working."""

    def __init__(self) -> None:
        self._before: Any = None
        self._descriptor = -1

    def __enter__(self) -> Keys:
        try:
            import termios
            import tty

            descriptor = sys.stdin.fileno()
            # A background job that changes the terminal would be stopped by SIGTTOU.
            if os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp():
                self._before = termios.tcgetattr(descriptor)
                tty.setcbreak(descriptor)
                self._descriptor = descriptor
        except (ImportError, OSError, ValueError, AttributeError):
            self._descriptor = -1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._descriptor >= 0:
            import termios

            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def pressed(self) -> str:
        """The keys pressed since the last call; empty if none."""
        import select

        found = b""
        while self._descriptor >= 0 and select.select([self._descriptor], [], [], 0)[0]:
            data = os.read(self._descriptor, 64)
            if not data:  # the terminal is gone
                self._descriptor = -1
                break
            found += data
        return found.decode("utf-8", "replace")
