"""The window: a clear refusal without a screen, and pictures and keys through the pipe with one."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from screener.errors import DeviceError
from screener.watching import window, window_process
from screener.watching.window import LONGEST_SIDE_PX, Window
from screener.watching.window_process import HEADER

LONG_SECONDS = 60.0
PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)

PRETENDING = """
import struct, sys
inward, outward = sys.stdin.buffer, sys.stdout.buffer
outward.write(b"opened\\n"); outward.flush()
count = 0
while header := inward.read(8):
    width, height = struct.unpack("<II", header)
    total = sum(inward.read(width * height * 3))
    count += 1
    outward.write(f"{width}x{height}:{total}\\n".encode()); outward.flush()
    if count == {last}:
        print("Note that Qt says much", "the screen has gone", sep="\\n", file=sys.stderr)
        sys.exit(1)
"""
"""Instead of a screen: answers each picture with its size and the sum of its pixels, as if that were a key."""


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def install(last: int = 0) -> None:
        monkeypatch.setattr(window, "missing", lambda: "")
        monkeypatch.setattr(window, "_START", PRETENDING.replace("{last}", str(last)))
        monkeypatch.setattr(window, "MOST_FPS", 1e9)

    return install


def next_key(opened: Window, picture_rgb: np.ndarray) -> str:
    opened.show(picture_rgb)
    end = time.monotonic() + LONG_SECONDS
    while not opened._keys:
        assert time.monotonic() < end
        time.sleep(0.01)
    key = opened.show(picture_rgb)
    assert key is not None
    return key


def test_pictures_go_out_and_keys_come_back(pretend: Callable[[int], None]) -> None:
    pretend(0)
    with Window("title") as opened:
        assert next_key(opened, PICTURE) == f"6x4:{PICTURE.sum()}"
        part = PICTURE[:, ::2]
        assert next_key(opened, part) == f"3x4:{part.sum()}"
    assert opened._process.poll() is not None
    opened.close()


def test_a_large_picture_is_reduced_before_it_is_sent(pretend: Callable[[int], None]) -> None:
    pretend(0)
    with Window("title") as opened:
        assert next_key(opened, np.zeros((100, 2 * LONGEST_SIDE_PX, 3), np.uint8)) == f"{LONGEST_SIDE_PX}x50:0"


def test_a_window_that_goes_away_is_said(pretend: Callable[[int], None]) -> None:
    pretend(1)
    with Window("title") as opened:
        assert next_key(opened, PICTURE).startswith("6x4")
        assert opened._ended.wait(LONG_SECONDS)
        with pytest.raises(DeviceError, match=r"the window is gone: the screen has gone; .*--record"):
            opened.show(PICTURE)


def test_without_a_screen_there_is_a_clear_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    with pytest.raises(DeviceError, match="no screen: neither DISPLAY nor WAYLAND_DISPLAY is set; the terminal view and --record work"):
        Window("title")


@pytest.mark.parametrize("build", ["  GUI:                           NONE\n", "nothing about windows"])
def test_an_opencv_without_windows_is_said(monkeypatch: pytest.MonkeyPatch, build: str) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: build)
    with pytest.raises(DeviceError, match="opencv-python-headless"):
        Window("title")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="DISPLAY names a screen on Linux only")
@pytest.mark.skipif(window_process.toolkit() == "NONE", reason="this OpenCV cannot open windows")
def test_a_screen_that_does_not_answer_does_not_take_the_program_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qt ends the process that asks for a window without a screen; it must not be this one."""
    monkeypatch.setenv("DISPLAY", ":4321")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DeviceError, match="no window"):
        Window("title")


# The process that owns the window, with OpenCV's windows replaced.


class Screen:
    """Stands in for OpenCV: notes what is shown, presses `keys` one after the other, and is closed once they are used up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: list[int], closes_with_error: bool = False) -> None:
        self.shown: list[np.ndarray] = []
        self.sizes: list[tuple[int, int]] = []
        self.keys = keys
        self.closes_with_error = closes_with_error
        monkeypatch.setattr(cv2, "imshow", lambda title, picture: self.shown.append(picture))
        monkeypatch.setattr(cv2, "resizeWindow", lambda title, width, height: self.sizes.append((width, height)))
        monkeypatch.setattr(cv2, "waitKey", lambda delay: self.keys.pop(0))
        monkeypatch.setattr(cv2, "getWindowProperty", self.property)

    def property(self, title: str, number: int) -> float:
        if self.keys:
            return 1.0
        if self.closes_with_error:
            raise cv2.error("null window")
        return 0.0


class Given:
    """Pictures that have come, one for each look."""

    ended = False

    def __init__(self, *pictures: np.ndarray) -> None:
        self._pictures = list(pictures)

    def take(self) -> np.ndarray | None:
        return self._pictures.pop(0) if self._pictures else None


@pytest.mark.parametrize("closes_with_error", [False, True])
def test_the_window_shows_pictures_and_tells_keys(monkeypatch: pytest.MonkeyPatch, closes_with_error: bool) -> None:
    screen, answers = Screen(monkeypatch, [-1, ord("s"), 27, 200, -1], closes_with_error), io.BytesIO()
    large = np.zeros((2000, 4000, 3), np.uint8)
    large[..., 0] = 9
    window_process._show("title", Given(large, PICTURE), answers)  # type: ignore[arg-type]
    assert answers.getvalue() == b"s\nq\nq\n", "a key, Escape, and the user who closes the window"
    assert screen.sizes == [(1280, 640)]
    assert (screen.shown[0][0, 0] == (0, 0, 9)).all(), "blue first, as OpenCV has it"
    assert len(screen.shown) == 2


def test_only_the_newest_picture_is_kept_and_the_end_is_noticed() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream, os.fdopen(write_end, "wb") as sender:
        newest = window_process._Newest(stream)
        for picture in (PICTURE, PICTURE[:2] + 1):
            sender.write(HEADER.pack(picture.shape[1], picture.shape[0]) + picture.tobytes())
        sender.close()
        end = time.monotonic() + LONG_SECONDS
        while not newest.ended:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert np.array_equal(newest.take(), PICTURE[:2] + 1)  # type: ignore[arg-type]
        assert newest.take() is None


def test_the_process_loads_nothing_heavy() -> None:
    """It starts with the window, while the user waits."""
    source = Path(window_process.__file__).read_text(encoding="utf-8")
    assert "screener." not in source
