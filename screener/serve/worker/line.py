"""A worker's side of the pipes to its server. Knows messages and file descriptors, not their meaning."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from screener.runtime.standard_streams import hold
from screener.serve.worker.messages import framed, read_message


class Line:
    """The pipes to the server. Redirects descriptor 1 to standard error, so that no library can print into a message.

    The process exits immediately if the server is gone, so that a killed server leaves no workers behind.
    """

    def __init__(self) -> None:
        hold()
        self._in: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._out: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def begin(self, heard: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The server's first message. heard: called with each later message, in a separate thread."""
        message = read_message(self._in)
        if message is None:
            os._exit(0)
        threading.Thread(target=self._listen, args=(heard,), name="server", daemon=True).start()
        return dict(message["start"])

    def say(self, **message: Any) -> None:
        """Send a message to the server."""
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
