"""A window on the user's screen. It belongs to a separate process, `window_process`, to which pictures are sent.

A graphics library may end the program if there is no screen, or hang when the screen goes away; this way only that process is affected.
Knows pipes; does not know what the pictures show.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import DeviceError
from screener.report.wording import visible
from screener.watching.window_process import HEADER, OPENED, toolkit

OPENING_SECONDS = 20.0
LONGEST_SIDE_PX = 1920
"""Larger pictures are reduced before they are sent."""

MOST_FPS = 30.0
_CHATTER = ("QFontDatabase", "Note that Qt")
"""Beginnings of lines that Qt always prints."""

_INSTEAD = "the terminal view and --record work without a window"

# Imports only what the window needs: the package's public names would load PyTorch.
_START = (
    "import sys, types; package = types.ModuleType('screener'); package.__path__ = [sys.argv[1]]; sys.modules['screener'] = package; "
    "from screener.watching.window_process import main; main(sys.argv[2])"
)


class Window:
    """Shows pictures and receives keys; never waits for the screen."""

    def __init__(self, title: str) -> None:
        """Raises DeviceError if no window can be opened."""
        why = missing()
        if why:
            raise DeviceError(f"no window can be opened: {why}; {_INSTEAD}")
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        package = Path(__file__).resolve().parent.parent
        self._process = subprocess.Popen(
            # -P: nothing is imported from the current folder.
            [sys.executable, "-P", "-c", _START, os.fspath(package), visible(title)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        self._keys: deque[str] = deque(maxlen=64)
        self._opened = threading.Event()
        self._ended = threading.Event()
        self._last_shown_seconds = 0.0
        threading.Thread(target=self._listen, name="screener-window", daemon=True).start()
        try:
            self._await_opening()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def show(self, picture_rgb: NDArray[np.uint8]) -> str | None:
        """Show (H, W, 3) uint8 RGB. Returns the next key pressed since the last call, if any; `q` for Escape and when the user closes the
        window.

        Pictures that come faster than MOST_FPS are skipped. Raises DeviceError if the window was lost.
        """
        if self._keys:
            return self._keys.popleft()
        if self._ended.is_set():
            raise DeviceError(f"the window is gone{self._said()}; {_INSTEAD}")
        now = time.monotonic()
        if now - self._last_shown_seconds >= 1 / MOST_FPS:
            self._last_shown_seconds = now
            self._send(_reduced(picture_rgb))
        return None

    def close(self) -> None:
        """Close the window. A second call does nothing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._complaints):
            if pipe is not None:
                with suppress(OSError, ValueError):
                    pipe.close()

    def _send(self, picture_rgb: NDArray[np.uint8]) -> None:
        assert self._process.stdin is not None
        height, width = picture_rgb.shape[:2]
        # If the process has died, the end of its answers shows it at the next call.
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(HEADER.pack(width, height))
            self._process.stdin.write(np.ascontiguousarray(picture_rgb).data)
            self._process.stdin.flush()

    def _await_opening(self) -> None:
        deadline = time.monotonic() + OPENING_SECONDS
        while not self._opened.wait(0.05):
            if self._ended.is_set():
                raise DeviceError(f"no window can be opened{self._said()}; check DISPLAY, or go without: {_INSTEAD}")
            if time.monotonic() > deadline:
                raise DeviceError(f"no window was opened within {OPENING_SECONDS:g} s; check the screen, or go without: {_INSTEAD}")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(OSError, ValueError), self._process.stdout as answers:
            for line in answers:
                word = line.decode("utf-8", "replace").rstrip("\n")
                if word == OPENED:
                    self._opened.set()
                else:
                    self._keys.append(word)
        self._ended.set()

    def _said(self) -> str:
        """The first error message of the process, if any."""
        with suppress(OSError, ValueError):
            self._complaints.seek(0)
            lines = self._complaints.read(16384).decode("utf-8", "replace").splitlines()
            said = next((line.strip() for line in lines if line.strip() and not line.startswith(_CHATTER)), "")
            return f": {visible(said)[:200]}" if said else ""
        return ""


def missing() -> str:
    """What a window would need and is missing, as far as can be known without opening one; empty if nothing is."""
    if toolkit() == "NONE":
        return "this OpenCV cannot open windows (pip uninstall opencv-python-headless, pip install opencv-python)"
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set"
    return ""


def _reduced(picture_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture_rgb.shape[:2]
    scale = LONGEST_SIDE_PX / max(height, width)
    if scale >= 1:
        return picture_rgb
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
