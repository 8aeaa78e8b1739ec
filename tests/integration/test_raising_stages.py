"""An exception in a stage ends the scan immediately with that exception, and leaves nothing running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from screener import Screener
from screener.records import Frame
from screener.tracking.tracker import Tracker
from screener.video import Video

ENDED_WITHIN_SECONDS = 20.0
"""Generous: what is ruled out is a scan that hangs."""


class Broken(Exception):
    """Of no kind that anything in the package expects."""


def break_detector(loaded: Screener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded.detector, "detect_all", raising)


def break_scorer(loaded: Screener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded.scorer, "begin", raising)


def break_tracker(loaded: Screener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, "follow", raising)


def break_decoder(loaded: Screener, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first frame, in the thread that reads ahead."""
    whole = Video.frames

    def frames(video: Video) -> Iterator[Frame]:
        yield next(whole(video))
        assert threading.current_thread() is not threading.main_thread()
        raise Broken

    monkeypatch.setattr(Video, "frames", frames)


def raising(*_: Any) -> None:
    raise Broken


STAGES: dict[str, Callable[[Screener, pytest.MonkeyPatch], None]] = {
    "decoder": break_decoder,
    "detector": break_detector,
    "tracker": break_tracker,
    "scorer": break_scorer,
}


@pytest.mark.parametrize("stage", STAGES)
def test_its_error_ends_the_scan_and_no_thread_is_left(stage: str, loaded: Screener, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    STAGES[stage](loaded, monkeypatch)
    closed: list[Video] = []
    close = Video.close

    def note_and_close(video: Video) -> None:
        closed.append(video)
        close(video)

    monkeypatch.setattr(Video, "close", note_and_close)
    started = time.monotonic()
    with pytest.raises(Broken):
        loaded.scan(media / "one.mp4")
    assert time.monotonic() - started < ENDED_WITHIN_SECONDS
    assert [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"] == []
    assert closed


def test_the_next_input_is_judged_as_if_nothing_had_happened(loaded: Screener, media: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        break_decoder(loaded, patch)
        with pytest.raises(Broken):
            loaded.scan(media / "one.mp4")
    assert loaded.scan(media / "face.png").outcome == "genuine"
