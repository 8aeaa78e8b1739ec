"""The process that decodes a live source, seen from outside: started, asked for frames, and ended at any moment.

Knows processes and pipes. Does not know when a silence is too long; whoever watches calls `silence_seconds` and `kill`.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.settings import LiveSettings
from screener.video.protocol import LENGTH
from screener.video.sources import Source

MESSAGE_BYTES = 1 << 20

# The package is taken from where this process has it, without touching the search path, on which its neighbours could shadow others.
_START = (
    "import sys, types; package = types.ModuleType('screener'); package.__path__ = [sys.argv[1]]; sys.modules['screener'] = package; "
    "from screener.video.live_worker import main; main()"
)


class LiveChild:
    """One decoding process for one connection to a source."""

    def __init__(self, source: Source, settings: LiveSettings) -> None:
        package = Path(__file__).resolve().parent.parent
        # -P: nothing is imported from the folder that the user happens to be in.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, os.fspath(package)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._max_pixels = settings.max_pixels
        self._killing = threading.Lock()
        self._heard = time.monotonic()
        self.is_ready = False
        """The process runs and has begun to open the source; before, its silence is that of loading libraries."""
        data = pickle.dumps((source, settings))
        self._write(LENGTH.pack(len(data)) + data)

    @property
    def silence_seconds(self) -> float:
        """Since anything was heard of it."""
        return time.monotonic() - self._heard

    @property
    def exit_status(self) -> int | None:
        return self._process.poll()

    def ask(self) -> None:
        """For one more frame."""
        self._write(b"+")

    def receive(self) -> tuple[dict[str, Any], NDArray[np.uint8] | None] | None:
        """The next message, with the picture (H, W, 3) that belongs to it; None when the process has ended, or says what makes no sense."""
        length = bytearray(LENGTH.size)
        if not self._fill(memoryview(length)):
            return None
        size = LENGTH.unpack(length)[0]
        text = bytearray(min(size, MESSAGE_BYTES))
        if not self._fill(memoryview(text)):
            return None
        message: dict[str, Any] = json.loads(text)
        self.is_ready = True
        if "frame" not in message:
            return message, None
        width, height = (int(side) for side in message["frame"]["size_wh"])
        if not 0 < width * height <= self._max_pixels:
            raise SourceError("limit_pixels", f"the decoder sent a picture of {width} x {height} pixels")
        picture = np.empty((height, width, 3), dtype=np.uint8)
        return (message, picture) if self._fill(picture.data.cast("B")) else None

    def kill(self) -> None:
        """End it at once, whatever it is doing. From any thread, and more than once."""
        with self._killing:
            self._process.kill()
            self._process.wait()

    def close_pipes(self) -> None:
        """After `kill`, by the thread that receives."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # the missing answer tells
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _fill(self, buffer: memoryview) -> bool:
        assert self._process.stdout is not None
        received = 0
        while received < len(buffer):
            count = cast(io.BufferedReader, self._process.stdout).readinto(buffer[received:])
            if not count:
                return False
            received += count
            self._heard = time.monotonic()
        return True
