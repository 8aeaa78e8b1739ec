"""Pictures at addresses are judged as pictures, and other content is named for what it is. Against a local server."""

from __future__ import annotations

import http.server
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import cv2
import numpy as np
import pytest
from PIL import Image
from video_media import level, number_of

from screener.errors import SourceError
from screener.records import Frame, VideoFacts
from screener.settings import LiveSettings, ScanSettings
from screener.video import expand_sources, open_video
from screener.video.live.feed import Feed
from screener.video.live.one_source import live_source
from screener.video.readers import web_pictures
from screener.video.readers.web_pictures import MULTIPART


def encoded(suffix: str, number: int = 40) -> bytes:
    return cv2.imencode(suffix, np.full((48, 64, 3), level(number), np.uint8))[1].tobytes()


def animated(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    first, *more = [Image.new("RGB", (64, 48), (level(number),) * 3) for number in (10, 20, 30)]
    first.save(file, kind, save_all=True, append_images=more, duration=100, **options)
    return file.getvalue()


SERVED = {
    "/a.jpg": encoded(".jpg"), "/a.jpeg?x=1": encoded(".jpg"), "/snapshot": encoded(".jpg"), "/a.webp": encoded(".webp"),
    "/a.png": encoded(".png"), "/a.bmp": encoded(".bmp"), "/a.tiff": encoded(".tiff"), "/a.avif": encoded(".avif"),
    "/b.gif": animated("GIF"), "/b.webp": animated("WEBP", lossless=True), "/cut.jpg": encoded(".jpg"), "/login.jpg": encoded(".jpg"),
    "/page.jpg": b"<html><body>no picture</body></html>",
}  # fmt: skip


LARGE = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8))[1].tobytes()
"""So that a stream of it is soon known to be one."""


class Handler(http.server.BaseHTTPRequestHandler):
    """A few files; /cameras with and without a first boundary; /endless JPEGs without any; /away to another address."""

    protocol_version = "HTTP/1.1"
    elsewhere: ClassVar[str] = ""

    def do_GET(self) -> None:
        if self.path.startswith(("/camera", "/endless")):
            return self.pictures()
        if self.path == "/away.jpg":
            self.send_response(302)
            self.send_header("Location", self.elsewhere)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if self.path == "/login.jpg" and self.headers.get("Authorization") != "Basic YTpwL0A=":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        content = SERVED[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path == "/cut.jpg" else content)
        self.close_connection = True
        return None

    def pictures(self) -> None:
        self.send_response(200)
        if self.path.startswith("/camera"):
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        part = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--next\r\n" % (len(SERVED["/a.jpg"]), SERVED["/a.jpg"])
        try:
            if self.path == "/camera":
                self.wfile.write(b"--next\r\n")
            for _ in range(400):
                self.wfile.write(LARGE if self.path == "/endless" else part)
                self.wfile.flush()
                time.sleep(0.04)
        except OSError:
            return

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def screened(address: str, **settings: object) -> tuple[list[Frame], VideoFacts]:
    (source,) = expand_sources([address])
    with open_video(source, ScanSettings(**{"allow_private": True, **settings})) as video:  # type: ignore[arg-type]
        return list(video.frames()), video.facts


def failure(address: str, **settings: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        screened(address, **settings)
    return caught.value


@pytest.mark.parametrize("path", ["/a.jpg", "/a.jpeg?x=1", "/snapshot", "/a.webp", "/a.png", "/a.bmp", "/a.tiff", "/a.avif"])
def test_a_picture_at_an_address_is_a_picture(address: str, path: str) -> None:
    (frame,), facts = screened(address + path)
    assert (number_of(frame.picture_rgb), frame.size_wh, frame.pts_seconds) == (40, (64, 48), 0.0)
    assert (facts.is_still, facts.reasons, facts.warnings, facts.frames_decoded) == (True, (), (), 1)


@pytest.mark.parametrize("path", ["/b.webp", "/b.gif"])
def test_every_picture_of_an_animation_at_an_address_is_read(address: str, path: str) -> None:
    frames, facts = screened(address + path)
    assert [number_of(frame.picture_rgb) for frame in frames] == [10, 20, 30]
    assert (facts.is_still, facts.reasons) == (False, ())


def test_nothing_is_left_of_a_download_however_the_process_ends() -> None:
    """On Linux the file has no name, so that not even a kill leaves it behind."""
    with web_pictures._scratch_file() as (file, path):
        file.write(b"GIF89a")
        file.flush()
        assert path.read_bytes() == b"GIF89a"
        if sys.platform == "linux":
            assert os.stat(path).st_nlink == 0


def test_a_picture_behind_a_login(address: str) -> None:
    (frame,), _ = screened(address.replace("//", "//a:p%2F%40@") + "/login.jpg")
    assert number_of(frame.picture_rgb) == 40
    refused = failure(address.replace("//", "//a:wrong@") + "/login.jpg")
    assert refused.reason == "permission" and "percent-encoded" in refused.message and "wrong" not in refused.message


def test_a_picture_that_breaks_off_is_not_judged(address: str) -> None:
    assert failure(address + "/cut.jpg").reason == "stream_lost"


def test_a_page_called_like_a_picture_is_none(address: str) -> None:
    assert failure(address + "/page.jpg").reason in ("not_media", "refused_playlist")


@pytest.mark.parametrize("elsewhere", ["file:///etc/hostname", "ftp://127.0.0.1/a.jpg", "gopher://127.0.0.1/a.jpg"])
def test_a_picture_that_leads_to_another_protocol_is_refused(address: str, elsewhere: str) -> None:
    Handler.elsewhere = elsewhere
    assert failure(address + "/away.jpg").reason in ("stream_lost", "not_media", "refused_playlist", "refused_protocol")


def test_a_picture_inside_a_private_network_is_refused(address: str) -> None:
    assert failure(address + "/a.jpg", allow_private=False).reason == "refused_address"


def test_a_picture_larger_than_what_may_be_downloaded_is_refused(address: str) -> None:
    assert failure(address + "/a.bmp", max_download_bytes=1000).reason == "limit_size"


def test_a_camera_that_sends_no_boundary_first_is_told_so(address: str) -> None:
    frames, _ = screened(address + "/camera", stream_seconds=0.5, all_frames=True)
    assert len(frames) > 1
    refused = failure(address + "/cameras")
    assert (refused.reason, refused.message) == (MULTIPART[0], f"{address}/cameras: {MULTIPART[1]}")


def watched(address: str, seconds: float = 20.0) -> tuple[str, int]:
    """What a live watch comes to: the message with which it ends at once, or how many frames it had."""
    feed = Feed(live_source(address), LiveSettings(allow_private=True))
    feed.start()
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            status = feed.status()
            if status.frames_received > 5 or status.phase == "lost":
                return status.phase, status.frames_received
            time.sleep(0.05)
    except SourceError as error:
        return error.message.removeprefix(f"{address}: "), 0
    finally:
        feed.close()
    return "nothing", 0


@pytest.mark.parametrize("path", ["/a.jpg", "/snapshot", "/a.webp", "/b.webp", "/a.png"])
def test_a_single_picture_is_not_watched_over_and_over(address: str, path: str) -> None:
    assert watched(address + path) == ("a single picture does not run; judge it with `screener scan`", 0)


def test_a_camera_without_a_first_boundary_is_not_tried_over_and_over(address: str) -> None:
    assert watched(address + "/cameras") == (MULTIPART[1], 0)


@pytest.mark.parametrize("path", ["/camera", "/endless"])
def test_pictures_that_do_not_end_are_watched(address: str, path: str) -> None:
    phase, frames = watched(address + path)
    assert phase == "open" and frames > 5
