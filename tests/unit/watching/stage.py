"""A watch whose frames, detections and times are given by the test: no threads, and time advances or sleeps only on request."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from screener import LiveSettings, Screener
from screener.records import Frame
from screener.video.live import clock
from screener.video.live.clock import now_seconds
from screener.video.live.feed import Feed
from screener.video.live.one_source import live_source
from screener.watching.judging_thread import Judge
from screener.watching.looking import Looker, Sight
from screener.watching.records import LiveUpdate
from screener.watching.watch import Watch

from .sights import sight


class Stage:
    """One face is in every frame, and what is said of it is said at once. p_fake: its score. picture: of the frames to come."""

    def __init__(self, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, source: str = "http://127.0.0.1:9/", **changes: Any) -> None:
        self.now = 1000.0
        self.asleep_seconds = 0.0
        self.p_fake = 0.99
        self.picture = np.zeros((36, 64, 3), np.uint8)
        as_on_linux = {"CLOCK_BOOTTIME": 7, "clock_gettime": lambda which: {7: self.now + self.asleep_seconds}[which]}
        monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: self.now, **as_on_linux))
        monkeypatch.setattr(Feed, "start", lambda feed: setattr(feed, "started", now_seconds()))
        monkeypatch.setattr(Judge, "start", lambda judge: None)
        monkeypatch.setattr(Looker, "look", self._look)
        quick = {"min_frames": 1, "min_seconds": 0.0, "threshold": 0.5, "device": "cpu", "dtype": "float32"}
        settings = LiveSettings(**{**quick, **changes})
        self.watch = Watch(Screener(settings.judging(), checkpoint), live_source(source), settings)
        self.feed, self.judge = self.watch._feed, self.watch._judge
        self.updates = [next(self.watch)]

    def _look(self, frame: Frame) -> list[Sight]:
        number = self.judge._looker._ids_before + 1
        self.judge._looker._highest_id = number
        return [sight(frame.pts_seconds, self.p_fake, number)]

    def frame(self, after: float = 0.1, unchanged: float = 0.0, delay: float = 0.0) -> None:
        """The next frame comes `after` seconds, having been captured `delay` before that."""
        self.now += after
        index = self.feed._status.frames_received - self.feed._received_before
        header = {"captured": now_seconds() - delay, "index": index, "pts_seconds": None, "unchanged_seconds": unchanged, "damaged": 0}
        self.feed._take(header, self.picture.copy())

    def lose(self) -> None:
        self.feed._update(phase="lost", reason="timeout", message="gone", retry_at=now_seconds() + 1, last_arrival=None)

    def connect(self) -> None:
        """What follows is of a new connection."""
        self.feed._first_arrival = 0.0
        self.feed._received_before = self.feed._status.frames_received

    def judged(self) -> None:
        """The judge's thread would look at the newest frame now, if it is a new one."""
        live = self.feed.newer_than(self.judge.last_number, 0.0)
        if live is not None:
            self.judge._take(live)

    def update(self) -> LiveUpdate:
        self.watch._bell.set()
        self.updates.append(next(self.watch))
        return self.updates[-1]

    def finish(self) -> LiveUpdate:
        self.updates.append(self.watch.finish())
        return self.updates[-1]

    def told(self) -> list[str]:
        """Of all updates so far: each event's kind, with the cause of what is cleared."""
        events = [event for update in self.updates for event in update.events]
        return [" ".join(filter(None, [event.kind, event.details.get("cause", "")])) for event in events]
