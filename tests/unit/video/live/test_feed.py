"""The feed against a local server: the newest frame, losses with their reasons, and stopping at any moment."""

from __future__ import annotations

import http.server
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from video_media import number_of, write_clip

from screener.errors import SourceError
from screener.settings import LiveSettings
from screener.video import file_source
from screener.video.live.clock import now_seconds
from screener.video.live.feed import Feed, FeedStatus
from screener.video.live.live_child import LiveChild
from screener.video.live.one_source import live_source

PATIENCE_SECONDS = 60.0
QUICK = LiveSettings(retry_seconds=(0.2,), timeout_seconds=2.0)
PATIENT = LiveSettings(retry_seconds=(0.2,), timeout_seconds=PATIENCE_SECONDS, picture_fps=240)
"""No slow machine is taken for a silent source."""


class Handler(http.server.BaseHTTPRequestHandler):
    """/NAME sends a file, /stall/NAME sends it and then nothing without an end, /hang never answers."""

    folder: Path
    over: threading.Event

    def do_GET(self) -> None:
        if self.path == "/hang":
            self.over.wait(PATIENCE_SECONDS)
            return
        path = self.folder / self.path.rsplit("/", 1)[-1]
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        if not self.path.startswith("/stall/"):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
            self.wfile.flush()
            if self.path.startswith("/stall/"):
                self.over.wait(PATIENCE_SECONDS)
        except OSError:
            return

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    over = threading.Event()
    handler = type("FolderHandler", (Handler,), {"folder": tmp_path, "over": over})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def feeding() -> Iterator[Callable[[Feed], Feed]]:
    feeds: list[Feed] = []

    def start(feed: Feed) -> Feed:
        feeds.append(feed)
        feed.start()
        return feed

    yield start
    for feed in feeds:
        feed.close()


def until(feed: Feed, fits: Callable[[FeedStatus], bool]) -> FeedStatus:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        status = feed.status()
        if fits(status):
            return status
        time.sleep(0.02)
    raise AssertionError(f"not in time: {feed.status()}")


def test_a_file_comes_in_order_to_its_end(tmp_path: Path, feeding: Callable[[Feed], Feed]) -> None:
    feed = feeding(Feed(file_source(write_clip(tmp_path / "a.mp4")), LiveSettings(picture_fps=100)))
    seen, number = [], 0
    while feed.status().phase != "ended":
        live = feed.newer_than(number, 0.2)
        if live is not None:
            number = live.number
            seen.append(live)
    indices = [live.frame.index for live in seen]
    assert indices == sorted(set(indices))
    assert [number_of(live.frame.picture_rgb) for live in seen] == indices
    assert (feed.status().frames_received, feed.status().segments, feed.status().end_reasons) == (40, 1, ())
    assert {live.segment for live in seen} == {1}


def test_whoever_is_slow_gets_the_newest() -> None:
    feed = Feed(live_source("http://127.0.0.1:9/"), LiveSettings())
    for index in range(0, 40, 2):
        header = {"captured": now_seconds(), "index": index, "pts_seconds": None, "unchanged_seconds": 0.0, "damaged": 0}
        feed._take(header, np.full((4, 4, 3), index, np.uint8))
    newest = feed.newer_than(0, 0.0)
    assert newest is not None
    assert (newest.number, newest.frame.index, newest.frame.picture_rgb[0, 0, 0]) == (20, 38, 38)
    assert feed.newer_than(newest.number, 0.01) is None
    assert feed.status().frames_received == 39, "those that were passed over on the way are counted"


def test_a_silence_is_a_loss_and_the_next_connection_a_new_segment(address: str, tmp_path: Path, feeding: Callable[[Feed], Feed]) -> None:
    write_clip(tmp_path / "a.ts", options={"g": "10"})
    feed = feeding(Feed(live_source(f"{address}/stall/a.ts"), QUICK))
    # A slow machine may not get as far as the first frame in time, and has to try again.
    lost = until(feed, lambda status: status.phase == "lost" and status.segments > 0)
    assert lost.reason == "timeout"
    again = until(feed, lambda status: status.segments > lost.segments)
    assert again.frames_received > lost.frames_received


@pytest.mark.parametrize(("path", "reason"), [("missing.ts", "not_found"), ("hang", "timeout"), ("noise.ts", "not_media")])
def test_what_cannot_be_had_now_is_tried_again(
    address: str, tmp_path: Path, path: str, reason: str, feeding: Callable[[Feed], Feed]
) -> None:
    (tmp_path / "noise.ts").write_bytes(bytes(range(256)) * 40)
    feed = feeding(Feed(live_source(f"{address}/{path}"), QUICK if reason == "timeout" else PATIENT))
    status = until(feed, lambda status: status.phase == "lost")
    assert (status.reason, status.segments, status.frames_received) == (reason, 0, 0)
    assert status.retry_at is not None


def test_a_playlist_over_http_is_followed_and_ends(address: str, tmp_path: Path, feeding: Callable[[Feed], Feed]) -> None:
    write_clip(tmp_path / "b.ts", options={"g": "10"})
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:1.6,\nb.ts\n#EXT-X-ENDLIST\n")
    feed = feeding(Feed(live_source(f"{address}/a.m3u8"), PATIENT))
    status = until(feed, lambda status: status.phase == "ended")
    assert (status.frames_received, status.end_reasons) == (40, ())


def test_a_playlist_may_not_open_files(address: str, tmp_path: Path, feeding: Callable[[Feed], Feed]) -> None:
    clip = write_clip(tmp_path / "b.ts", options={"g": "10"})
    (tmp_path / "a.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:1.6,\nfile://{clip}\n#EXT-X-ENDLIST\n")
    feed = feeding(Feed(live_source(f"{address}/a.m3u8"), QUICK))
    assert until(feed, lambda status: status.phase == "lost").frames_received == 0


def test_a_camera_that_is_not_there_will_not_come(feeding: Callable[[Feed], Feed]) -> None:
    feed = feeding(Feed(live_source(97), LiveSettings()))
    with pytest.raises(SourceError, match="--list"):
        until(feed, lambda status: False)


def test_a_decoder_that_dies_is_replaced(address: str, tmp_path: Path, feeding: Callable[[Feed], Feed]) -> None:
    write_clip(tmp_path / "a.ts", options={"g": "10"})
    feed = feeding(Feed(live_source(f"{address}/stall/a.ts"), PATIENT))
    until(feed, lambda status: status.segments == 1)
    child = feed._child
    assert isinstance(child, LiveChild)
    child.kill()
    assert until(feed, lambda status: status.phase == "lost").reason == "decoder_crash"
    until(feed, lambda status: status.segments == 2)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals to a group of processes are POSIX")
def test_a_signal_to_the_whole_group_is_no_loss_of_the_source(tmp_path: Path, feeding: Callable[[Feed], Feed]) -> None:
    """Ctrl-C, or a service that is stopped: it is for the watch to end, and its decoder must not be the first to go."""
    feed = feeding(Feed(file_source(write_clip(tmp_path / "a.mp4")), LiveSettings()))
    while feed._child is None:
        time.sleep(0.01)
    for number in (signal.SIGINT, signal.SIGTERM):  # as early as possible: libraries are still being loaded
        feed._child._child.popen.send_signal(number)
    status = until(feed, lambda status: status.phase == "ended")
    assert (status.frames_received, status.end_reasons) == (40, ())


def test_closing_does_not_wait_for_a_source_that_hangs(address: str, feeding: Callable[[Feed], Feed]) -> None:
    feed = feeding(Feed(live_source(f"{address}/hang"), LiveSettings(timeout_seconds=300)))
    while feed._child is None or not feed._child.is_ready:
        time.sleep(0.02)
    child = feed._child
    feed.close()
    assert child.exit_status is not None
    for thread in feed._threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def test_a_pipe_says_when_it_is_really_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes to a pipe does not wait: neither does the feed, however often it was disappointed."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feed = Feed(live_source(pipe), LiveSettings(retry_seconds=(0.01, 1000.0), retry_jitter=0.0))
    waits: list[float] = []

    def lose() -> SourceError:
        if feed.status().retry_at is not None:
            waits.append(feed.status().retry_at - now_seconds())
        if len(waits) == 3:
            feed._closed.set()
        return SourceError("stream_lost", "gone")

    monkeypatch.setattr(feed, "_await_writer", lambda held: None)
    monkeypatch.setattr(feed, "_connection", lose)
    thread = threading.Thread(target=feed._run, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert len(waits) == 3
    assert max(waits) < 500.0
