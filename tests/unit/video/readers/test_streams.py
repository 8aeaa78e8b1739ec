"""Addresses, against a local server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from video_media import noise, number_of, write_clip

from screener.errors import SourceError
from screener.records import Frame, VideoFacts
from screener.settings import ScanSettings
from screener.video import Source, expand_sources, open_video


class Handler(http.server.BaseHTTPRequestHandler):
    """/whole/NAME, /cut/NAME (half of what the length says), /open/NAME (without a length)."""

    folder: Path

    def do_GET(self) -> None:
        manner, _, name = self.path.strip("/").partition("/")
        path = self.folder / name
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        if manner != "open":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data[: len(data) // 2] if manner == "cut" else data)
        except OSError:
            return

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    handler = type("FolderHandler", (Handler,), {"folder": tmp_path})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def grain(number: int) -> np.ndarray:
    """Pictures of several thousand bytes each, however they are coded."""
    return np.random.default_rng(number).integers(0, 255, (64, 96, 3), np.uint8)


def screened(address: str, **settings: object) -> tuple[list[Frame], VideoFacts]:
    (source,) = expand_sources([address])
    assert isinstance(source, Source)
    with open_video(source, ScanSettings(**{"allow_private": True, **settings})) as video:  # type: ignore[arg-type]
        return list(video.frames()), video.facts


def failure(address: str) -> str:
    with pytest.raises(SourceError) as caught:
        screened(address)
    return caught.value.reason


@pytest.mark.parametrize("manner", ["whole", "open"])
@pytest.mark.parametrize(
    ("name", "codec", "reader"), [("a.mp4", "libx264", "pyav"), ("a.mkv", "libx264", "pyav"), ("b.mkv", "libsvtav1", "pyav")]
)
def test_a_file_of_known_duration_is_sampled_like_a_local_one(
    tmp_path: Path, address: str, manner: str, name: str, codec: str, reader: str
) -> None:
    options = {"preset": "12"} if codec == "libsvtav1" else {"bf": "2"}
    write_clip(tmp_path / name, codec, options=options, container_options={"movflags": "faststart"} if name == "a.mp4" else {})
    frames, facts = screened(f"{address}/{manner}/{name}", frames=8)
    assert [number_of(frame.picture_rgb) for frame in frames] == [2, 7, 12, 17, 22, 27, 32, 37]
    assert [round(frame.pts_seconds * 25) for frame in frames] == [2, 7, 12, 17, 22, 27, 32, 37]
    assert (facts.frames_decoded, facts.reasons, facts.reader, facts.decode_errors) == (40, (), reader, 0)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_server_that_breaks_off(tmp_path: Path, address: str, name: str) -> None:
    options = {"movflags": "faststart"} if name == "a.mp4" else {}
    write_clip(tmp_path / name, options={"g": "10"}, picture=noise, container_options=options)
    frames, facts = screened(f"{address}/cut/{name}", all_frames=True)
    assert facts.reasons == ("stream_lost",)
    assert 0 < len(frames) < 40


def test_an_endless_stream_is_watched_for_a_while(tmp_path: Path, address: str) -> None:
    write_clip(tmp_path / "a.ts", options={"g": "10"})
    frames, facts = screened(f"{address}/open/a.ts", stream_seconds=1.0, frames=5)
    assert [number_of(frame.picture_rgb) for frame in frames][:5] == [0, 5, 10, 15, 20]
    assert facts.frames_decoded < 40
    assert (facts.reasons, facts.warnings) == ((), ("end_unverified",))


_SEARCHED_BYTES = 1 << 17
"""More than a demuxer of transport streams searches for the next packet."""

UNSTATED = [("a.mkv", "libx264", {"live": "1"}), ("a.webm", "libvpx", {"live": "1"}), ("a.ts", "libx264", {})]
"""Recordings that do not state how long they last."""


@pytest.mark.parametrize(("name", "codec", "container_options"), UNSTATED)
def test_a_recording_of_known_size_is_read_to_its_end(
    tmp_path: Path, address: str, name: str, codec: str, container_options: dict[str, str]
) -> None:
    write_clip(tmp_path / name, codec, options={"g": "10"}, container_options=container_options)
    everything, facts = screened(f"{address}/whole/{name}", stream_seconds=0.4, all_frames=True)
    assert len(everything) == 40
    assert (facts.reasons, facts.warnings) == ((), ("end_unverified",))
    sampled, facts = screened(f"{address}/whole/{name}", stream_seconds=1.0, frames=5)
    assert [frame.index for frame in sampled] == list(range(0, 40, 5)) and facts.frames_decoded == 40


def test_a_recording_of_known_size_is_limited_in_size(tmp_path: Path, address: str) -> None:
    path = write_clip(tmp_path / "a.mkv", options={"g": "1", "qp": "0"}, picture=grain, container_options={"live": "1"})
    _, facts = screened(f"{address}/whole/a.mkv", stream_seconds=0.4, max_download_bytes=path.stat().st_size - 1)
    assert facts.reasons == ("limit_size",)


def test_reading_that_breaks_off_leaves_a_part_unread(tmp_path: Path, address: str) -> None:
    path = write_clip(tmp_path / "a.ts", options={"g": "10"})
    path.write_bytes(path.read_bytes() + bytes(_SEARCHED_BYTES) + path.read_bytes())
    frames, facts = screened(f"{address}/whole/a.ts", all_frames=True)
    assert len(frames) >= 39 and "unread_part" in facts.reasons


def test_what_a_server_may_not_send(tmp_path: Path, address: str) -> None:
    write_clip(tmp_path / "b.ts")
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\nb.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "a.ffconcat").write_text("ffconcat version 1.0\nfile b.ts\n")
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    assert failure(f"{address}/whole/a.m3u8") == "refused_playlist"
    assert failure(f"{address}/whole/a.ffconcat") == "refused_playlist"
    assert failure(f"{address}/whole/noise.mp4") == "not_media"
    assert failure(f"{address}/whole/missing.mp4") == "not_found"


def test_nobody_there() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port
    assert failure(f"http://127.0.0.1:{port}/a.mp4") == "stream_lost"


def test_a_camera_that_is_not_there() -> None:
    assert failure("99") == "not_found"


def test_a_password_is_not_told() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port
    with pytest.raises(SourceError) as caught:
        screened(f"http://user:secret@127.0.0.1:{port}/a.mp4")
    assert "secret" not in caught.value.message
