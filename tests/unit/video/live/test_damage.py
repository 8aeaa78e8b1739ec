"""Damaged pictures from a live source: counted, reported, and not delivered."""

from __future__ import annotations

import http.server
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from video_media import noise, write_clip

from screener.settings import LiveSettings
from screener.video.live.feed import Feed, FeedStatus, LiveFrame
from screener.video.live.one_source import live_source

PATIENCE_SECONDS = 60.0
SETTINGS = LiveSettings(timeout_seconds=PATIENCE_SECONDS, picture_fps=240)
Damage = Callable[[bytes, int], bytes]


def jpeg(number: int) -> bytes:
    picture = cv2.resize(noise(number % 60), (320, 240), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


JPEGS = [jpeg(number) for number in range(60)]
SOUND = np.stack([cv2.imdecode(np.frombuffer(data, np.uint8), 1)[..., ::-1] for data in JPEGS])


def half(data: bytes, number: int) -> bytes:
    return data[: len(data) * 55 // 100]


def every_third(data: bytes, number: int) -> bytes:
    return half(data, number) if number % 3 == 0 else data


def bits(data: bytes, number: int) -> bytes:
    draw, damaged = random.Random(number), bytearray(data)
    for _ in range(20):
        damaged[draw.randrange(data.index(b"\xff\xda") + 14, len(data) - 2)] ^= 1 << draw.randrange(8)
    return bytes(damaged)


@contextmanager
def served(damage: Damage) -> Iterator[str]:
    """An endless stream of JPEGs, each of which goes through `damage` with its number."""
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):
                for number in range(10_000):
                    data = damage(JPEGS[number % len(JPEGS)], number)
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                    self.wfile.write(head + data + b"\r\n")
                    if over.wait(0.04):
                        return

        def log_message(self, *arguments: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/a.mjpg"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def watched(address: str, enough: Callable[[FeedStatus], bool]) -> tuple[list[LiveFrame], FeedStatus]:
    """Every frame that is given out until the status is `enough`."""
    feed, seen = Feed(live_source(address), SETTINGS), []
    feed.start()
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            live = feed.newer_than(seen[-1].number if seen else 0, 0.1)
            if live is not None:
                seen.append(live)
            if enough(feed.status()):
                return seen, feed.status()
        raise AssertionError(f"not in time: {feed.status()}")
    finally:
        feed.close()


def is_one_of_the_sound_ones(live: LiveFrame) -> bool:
    return min(float(cv2.absdiff(live.frame.picture_rgb, sound).mean()) for sound in SOUND) < 10


@pytest.mark.parametrize("damage", [half, bits])
def test_where_everything_comes_damaged_nothing_is_given_out(damage: Damage) -> None:
    with served(damage) as address:
        seen, status = watched(address, lambda status: status.frames_damaged >= 60)
    assert len(seen) <= 0.2 * status.frames_received
    assert status.frames_received >= status.frames_damaged >= 60
    if damage is half:
        assert not seen and status.damaged_in_a_row == status.frames_damaged


def test_where_some_come_damaged_the_others_are_given_out() -> None:
    with served(every_third) as address:
        seen, status = watched(address, lambda status: status.frames_received >= 90)
    assert len(seen) > 20 and all(map(is_one_of_the_sound_ones, seen))
    assert status.frames_damaged == pytest.approx(status.frames_received / 3, abs=2)


def test_a_sound_stream_has_no_damage() -> None:
    with served(lambda data, number: data) as address:
        seen, status = watched(address, lambda status: status.frames_received >= 120)
    assert seen and (status.frames_damaged, status.damaged_in_a_row, status.warnings) == (0, 0, ())


def test_a_stream_of_h264_is_believed_again_from_the_next_key_picture_on(tmp_path: Path) -> None:
    picture = lambda number: np.asarray(cv2.resize(noise(number), (320, 240), interpolation=cv2.INTER_CUBIC))  # noqa: E731
    path = write_clip(tmp_path / "a.ts", frames=60, size_wh=(320, 240), options={"g": "20", "bf": "0"}, picture=picture)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    for place in range(third, third + 3000, 188):  # within packets: their headers, and so their order, stay whole
        data[place + 40 : place + 120] = bytes(80)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(data))
    writer.start()
    seen, status = watched(str(pipe), lambda status: status.phase == "lost")
    writer.join()
    assert status.frames_damaged >= 1 and status.frames_received > 40
    assert seen[-1].frame.index > 40, "what follows the next key picture is given out again"


def test_a_change_of_size_is_told(tmp_path: Path) -> None:
    parts = [write_clip(tmp_path / f"{width}.ts", frames=20, size_wh=(width, 64)).read_bytes() for width in (96, 64)]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    over = threading.Event()

    def write() -> None:
        writing = os.open(pipe, os.O_RDWR)
        while not over.is_set():
            for data in parts:
                for place in range(0, len(data), 188):
                    os.write(writing, data[place : place + 188])
                    over.wait(0.005)
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen, status = watched(str(pipe), lambda status: "resolution_change" in status.warnings)
    finally:
        over.set()
        assert {live.frame.size_wh for live in seen} == {(96, 64), (64, 64)}
    assert status.warnings == ("resolution_change",)
