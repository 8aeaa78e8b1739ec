"""Watching the screen, on a virtual X server whose pixels the test paints."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import FAILS_ALL, run_here
from face_media import portrait

from screener.errors import SourceError
from screener.settings import LiveSettings
from screener.video.ledger import Complaints
from screener.video.live.screen_capture import ScreenCapture
from screener.video.sources import Source

pytest.importorskip("mss", reason="the extra `screen` is not installed")
pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb: apt-get install xvfb")

SIZE_WH = (320, 240)


@pytest.fixture(scope="module")
def paint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[np.ndarray], None]]:
    """Shows a picture, (h, w, 3) uint8 RGB, at the left top corner of a screen that is black otherwise. DISPLAY names the screen."""
    folder = tmp_path_factory.mktemp("screen")
    ready, told = os.pipe()
    options = [
        "-screen",
        "0",
        f"{SIZE_WH[0]}x{SIZE_WH[1]}x24",
        "-fbdir",
        str(folder),
        "-noreset",
        "-nolisten",
        "tcp",
        "-displayfd",
        str(told),
    ]
    with subprocess.Popen(["Xvfb", *options], pass_fds=[told], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(told)
        number = os.read(ready, 16).decode().strip()
        before = os.environ.get("DISPLAY")
        os.environ["DISPLAY"] = f":{number}"
        try:
            with (folder / "Xvfb_screen0").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
                # Header of an XWD file: its size, and further on the bytes of a line and the number of colours, of 12 bytes each.
                header = struct.unpack(">25I", memory[:100])
                begins, line = header[0] + 12 * header[19], header[12]

                def show(picture_rgb: np.ndarray) -> None:
                    pixels = np.zeros((SIZE_WH[1], line // 4, 4), np.uint8)
                    pixels[: picture_rgb.shape[0], : picture_rgb.shape[1], :3] = picture_rgb[:, :, ::-1]
                    memory[begins : begins + pixels.nbytes] = pixels.tobytes()

                yield show
        finally:
            os.environ.pop("DISPLAY") if before is None else os.environ.update(DISPLAY=before)
            server.terminate()


def taken(name: str) -> np.ndarray:
    capture = ScreenCapture(Source(name, "screen", name), LiveSettings(), Complaints(None), lambda: None)
    try:
        picture = next(capture.arrivals()).picture()
        assert picture is not None
        return picture
    finally:
        capture.close()


def test_what_is_on_the_screen_is_what_is_seen(paint: Callable[[np.ndarray], None]) -> None:
    picture = np.zeros((70, 140, 3), np.uint8)
    picture[50:, 100:] = (200, 20, 10)
    paint(picture)
    whole = taken("screen:0")
    assert whole.shape == (SIZE_WH[1], SIZE_WH[0], 3)
    assert whole[60, 120].tolist() == [200, 20, 10] and not whole[:50].any()
    assert (taken("screen:0:100,50,40x20") == [200, 20, 10]).all()


@pytest.mark.parametrize(("name", "said"), [("screen:7", "there is no such screen"), ("screen:0:300,0,40x40", "outside the screen")])
def test_what_is_not_there_is_said(paint: object, name: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        taken(name)


def test_a_person_on_the_screen_is_judged(paint: Callable[[np.ndarray], None], checkpoint: Path, tmp_path: Path) -> None:
    paint(portrait()[: SIZE_WH[1], : SIZE_WH[0]])
    config = tmp_path / "patient.toml"
    config.write_text("[screener.live]\nmin_frames = 1\nmin_seconds = 0.0\nfrozen_seconds = 60.0\nstale_seconds = 60.0\n", encoding="utf-8")
    options = ("--threshold", str(FAILS_ALL), "--quiet", "--checkpoint", checkpoint, "--device", "cpu", "--config", config)
    for duration in (4, 15, 60):  # the first is enough for a machine that is not busy
        ended = run_here("live", "screen:0", "--duration", str(duration), *options)
        if ended.status == 1:
            break
    assert ended.status == 1 and ended.out.startswith("FAKE        screen:0  "), (ended.out, ended.err)


def test_without_a_screen_the_command_says_so(monkeypatch: pytest.MonkeyPatch, checkpoint: Path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    ended = run_here("live", "screen:0", "--quiet", "--checkpoint", checkpoint, "--device", "cpu")
    assert ended.status == 2 and "no screen can be read here" in ended.err
