"""A live source in this process: a file in real time, and which pipes and playlists are allowed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from video_media import number_of, write_clip

from screener.errors import SourceError
from screener.settings import LiveSettings, ScanSettings
from screener.video import file_source, open_video
from screener.video.ledger import Complaints
from screener.video.live.decoding import LiveDecoding, decode_live
from screener.video.live.live_worker import Due
from screener.video.live.one_source import live_source
from screener.video.sources import Source


def opened(source: Source) -> LiveDecoding:
    return decode_live(source, LiveSettings(), Complaints())


def test_frames_are_due_at_the_asked_rate() -> None:
    due = Due(10.0)
    sent = sum(due(number / 30 + 0.003 * (number % 3)) for number in range(300))
    assert sent == pytest.approx(100, abs=2)
    due = Due(15.0)
    assert sum(due(number / 15 + 0.01 * (number % 2)) for number in range(150)) == 150, "jitter costs no frame"


def test_a_file_is_played_with_the_pictures_of_a_scan(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    decoding = opened(file_source(path))
    started = time.monotonic()
    played = [(arrival.index, arrival.pts_seconds, arrival.picture()) for arrival in decoding.arrivals()]
    assert time.monotonic() - started > played[-1][1] * 0.95
    assert (decoding.finite, decoding.reasons) == (True, ())
    with open_video(file_source(path), ScanSettings(all_frames=True)) as video:
        scanned = list(video.frames())
    assert len(played) == len(scanned)
    for (index, seconds, picture), frame in zip(played, scanned, strict=True):
        assert (index, seconds) == (frame.index, frame.pts_seconds)
        assert (picture == frame.picture_rgb).all()


def test_a_pipe_is_read_as_it_comes_and_its_end_is_a_loss(tmp_path: Path) -> None:
    clip, pipe = write_clip(tmp_path / "a.ts", options={"g": "10"}), tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(clip.read_bytes()))
    writer.start()
    source = live_source(pipe)
    assert source.kind == "pipe"
    decoding = opened(source)
    pictures = [arrival.picture() for arrival in decoding.arrivals()]
    writer.join()
    assert [number_of(picture) for picture in pictures if picture is not None] == list(range(40))
    assert not decoding.finite


def test_a_playlist_in_a_pipe_opens_nothing(tmp_path: Path) -> None:
    clip, pipe = write_clip(tmp_path / "a.ts"), tmp_path / "pipe"
    os.mkfifo(pipe)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\n{clip}\n#EXT-X-ENDLIST\n"
    writer = threading.Thread(target=lambda: pipe.write_text(playlist))
    writer.start()
    with pytest.raises(SourceError):
        opened(live_source(pipe))
    writer.join()


def test_what_is_named(tmp_path: Path) -> None:
    assert (live_source(1).kind, live_source("1").target) == ("camera", 1)
    assert live_source("rtsp://user:secret@host/a").name == "rtsp://user:***@host/a"
    for name in (tmp_path, "/dev/null", tmp_path / "missing.mp4", "ftp://host/a", tmp_path / "*.mp4"):
        with pytest.raises(SourceError):
            live_source(name)
