"""A decoding process and the pipes to it: starting it, sending requests, receiving answers.

Knows processes and the message format, not the meaning of messages. Answers are JSON and raw pixels: a hostile file might take over that
process, so nothing it sends is ever unpickled.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from screener.runtime.standard_streams import hold
from screener.video.sandbox.protocol import LENGTH

MESSAGE_BYTES = 1 << 20

# The child imports this package by its location, without changing the search path, where neighbouring files could shadow other modules. The
# packages above the worker stay empty: what they import for their callers a child does not need, and it would start later.
START = """
import sys, types
parts = "screener.{worker}".split(".")
for depth in range(1, len(parts)):
    package = sys.modules[".".join(parts[:depth])] = types.ModuleType(".".join(parts[:depth]))
    package.__path__ = ["/".join([sys.argv[1], *parts[1:depth]])]
from screener.{worker} import main
main()
"""


class Child:
    """One decoding process. Anything sent to a process that has died is dropped silently; the missing answer shows it."""

    def __init__(
        self,
        worker: str,
        arguments: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        """worker: the module of this package whose `main` it runs. heard: called whenever data was received."""
        package = Path(__file__).resolve().parents[2]
        hold()
        self._heard = heard
        self.popen = subprocess.Popen(
            # -P: nothing is imported from the current folder.
            [sys.executable, "-P", "-c", START.replace("{worker}", worker), os.fspath(package), *arguments],
            pass_fds=pass_fds,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def request(self, *asked: Any) -> None:
        """Send values, pickled."""
        data = pickle.dumps(asked)
        self.write(LENGTH.pack(len(data)) + data)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        assert self.popen.stdin is not None
        with suppress(OSError, ValueError):  # ValueError: closed by another thread
            self.popen.stdin.write(data)
            self.popen.stdin.flush()

    def receive(self) -> dict[str, Any] | None:
        """The next answer; None if the process died before it was complete. Raises ValueError if it is not a JSON object."""
        length = bytearray(LENGTH.size)
        if not self.receive_into(memoryview(length)):
            return None
        text = bytearray(min(LENGTH.unpack(length)[0], MESSAGE_BYTES))
        if not self.receive_into(memoryview(text)):
            return None
        answer = json.loads(text)
        if not isinstance(answer, dict):
            raise ValueError(f"answer: expected a JSON object, got a {type(answer).__name__}")
        return answer

    def receive_into(self, buffer: memoryview) -> bool:
        """Fill the buffer; False if the process died before it was full."""
        assert self.popen.stdout is not None
        received = 0
        with suppress(ValueError):  # closed by another thread
            while received < len(buffer):
                count = cast(io.BufferedReader, self.popen.stdout).readinto(buffer[received:])
                if not count:
                    break
                received += count
                self._heard()
        return received == len(buffer)

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        self.popen.kill()
        self.popen.wait()

    def close_pipes(self) -> None:
        """Close both pipes."""
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
