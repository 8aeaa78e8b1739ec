"""The process that owns the window: reads raw pictures from its standard input, shows the newest, and answers with the keys pressed.

Each picture is a header, width and height, followed by its pixels; each answer is a line: OPENED once, then one per key. It ends when its
input ends.
"""

from __future__ import annotations

import os
import re
import signal
import struct
import threading
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("<II")
OPENED = "opened"
CLOSING_KEY = "q"
_ESCAPE = 27
_LARGEST_WH = (1280, 800)
"""Maximum size of the window when it opens; the user may enlarge it."""


def toolkit() -> str:
    """The graphics library that this OpenCV opens windows with; NONE if it has none."""
    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    return found[1] if found else "NONE"


def main(title: str) -> None:
    """Show pictures until standard input or the window closes."""
    for name in ("SIGINT", "SIGHUP"):  # the terminal sends them to all processes in it; the parent decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    newest = _Newest(os.fdopen(os.dup(0), "rb"))
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a library's output must not mix with the answers
    try:
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        cv2.waitKey(1)
        _answer(answers, OPENED)
        _show(title, newest, answers)
    except BrokenPipeError:
        pass
    # Exit immediately: cleaning up a screen that is gone can hang.
    os._exit(0)


def _show(title: str, newest: _Newest, answers: BinaryIO) -> None:
    sized = False
    while not newest.ended:
        picture_rgb = newest.take()
        if picture_rgb is not None:
            if not sized:
                height, width = picture_rgb.shape[:2]
                scale = min(1.0, _LARGEST_WH[0] / width, _LARGEST_WH[1] / height)
                cv2.resizeWindow(title, max(320, round(width * scale)), max(180, round(height * scale)))
                sized = True
            cv2.imshow(title, cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(15) & 0xFF
        if key == _ESCAPE:
            _answer(answers, CLOSING_KEY)
        elif chr(key).isprintable() and key < 128:
            _answer(answers, chr(key))
        if not _is_open(title):
            _answer(answers, CLOSING_KEY)
            return


def _is_open(title: str) -> bool:
    try:
        return bool(cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1)
    except cv2.error:  # some toolkits raise this when the window no longer exists
        return False


def _answer(answers: BinaryIO, word: str) -> None:
    answers.write(word.encode() + b"\n")


class _Newest:
    """Reads pictures in a thread, so that the parent never waits for the screen, and keeps the newest."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._picture_rgb: NDArray[np.uint8] | None = None
        self._lock = threading.Lock()
        self.ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def take(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB that arrived since the last call; None if none did."""
        with self._lock:
            picture_rgb, self._picture_rgb = self._picture_rgb, None
        return picture_rgb

    def _read(self) -> None:
        while len(header := self._stream.read(HEADER.size)) == HEADER.size:
            width, height = HEADER.unpack(header)
            pixels = self._stream.read(width * height * 3)
            if len(pixels) < width * height * 3:
                break
            with self._lock:
                self._picture_rgb = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
        self.ended = True
