"""A worker's side of the pipes to its server. Knows messages and descriptors, and nothing of what is done."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from screener.runtime.standard_streams import hold
from screener.serve.worker.messages import framed, read_message


class Line:
    """The pipes to the server. Descriptor 1 leads to standard error from here on, so that no library can print into an answer.

    Whenever the server is gone, the process ends at once: a server that was killed leaves no worker behind, whatever that is at.
    """

    def __init__(self) -> None:
        hold()
        self._in: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._out: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def begin(self, heard: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """What the server says first. heard: called with everything that it says after that, in a thread of its own."""
        message = read_message(self._in)
        if message is None:
            os._exit(0)
        threading.Thread(target=self._listen, args=(heard,), name="server", daemon=True).start()
        return dict(message["start"])

    def say(self, **message: Any) -> None:
        """To the server."""
        try:
            with self._lock:
                self._out.write(framed(message))
                self._out.flush()
        except OSError:
            os._exit(0)

    def _listen(self, heard: Callable[[dict[str, Any]], None]) -> None:
        while (message := read_message(self._in)) is not None:
            heard(message)
        os._exit(0)
