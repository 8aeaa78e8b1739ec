"""The thread that judges the newest frame again and again, as often as the settings allow and the machine manages.

It never has a backlog: of the frames that arrived while it was busy only the newest is judged. Knows the feed and the people, not who
receives the results.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.records import FaceScore
from screener.scanning.models import Models
from screener.settings import LiveSettings
from screener.video.live.clock import now_seconds
from screener.video.live.feed import Feed, LiveFrame
from screener.watching.chronicle import Chronicle
from screener.watching.looking import Looker, Sight
from screener.watching.people import Happening, People
from screener.watching.records import LivePerson

WAIT_SECONDS = 0.2
MOST_UNTOLD = 4096
"""Maximum number of scores and happenings that wait to be fetched; the oldest are dropped first."""

RATE_SECONDS = 5.0


@dataclass(frozen=True, eq=False)
class Judgement:
    """The result for one frame. frames_looked_at: within the window."""

    live: LiveFrame
    people: tuple[LivePerson, ...]
    frames_looked_at: int


@dataclass(frozen=True)
class Counts:
    """looked_at: frames in which faces were searched. judged: frames with at least one scored face."""

    looked_at: int = 0
    judged: int = 0
    judged_fps: float = 0.0
    delay: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class News:
    """What happened since the last call, all at the same moment.

    before: happenings up to and including the last withdrawal. after: happenings since then.
    """

    judgement: Judgement | None
    before: list[Happening]
    after: list[Happening]
    scores: tuple[FaceScore, ...]
    counts: Counts


class Judge:
    """Judges the frames of a feed from `start` to `close`."""

    def __init__(self, models: Models, settings: LiveSettings, feed: Feed, bell: threading.Event) -> None:
        """bell: set after each judgement."""
        self._settings = settings
        self._feed = feed
        self._bell = bell
        self._limits = models.limits
        self._looker = Looker(models)
        self._people = People(models.limits, settings)
        self._chronicle = Chronicle(models.limits)
        self._delays = Delays()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._failure: BaseException | None = None
        self._judgement: Judgement | None = None
        self._sealed = False
        self._withdrawn_to = 0
        self._segment = self._first = 0
        self._looked_at = self._judged = self._last_number = 0
        self._last_captured = 0.0
        self._judged_at: deque[float] = deque(maxlen=2048)
        self._before: deque[Happening] = deque(maxlen=MOST_UNTOLD)
        self._after: deque[Happening] = deque(maxlen=MOST_UNTOLD)
        self._scores: deque[FaceScore] = deque(maxlen=MOST_UNTOLD)
        self._thread = threading.Thread(target=self._run, name="judge", daemon=True)

    def start(self) -> None:
        """Start judging, in a thread of its own."""
        self._thread.start()

    def close(self, wait_seconds: float = 2.0) -> None:
        """Stop. Waits at most `wait_seconds` for the frame in progress, whose result no longer counts."""
        self._closed.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(wait_seconds)
        with self._lock:
            self._sealed = True  # a frame that takes even longer changes nothing that is reported from here on

    @property
    def chronicle(self) -> Chronicle:
        """Read it only after the judge was closed."""
        return self._chronicle

    @property
    def last_captured(self) -> float:
        """When the frame judged last was captured, by `now_seconds`; 0 before the first."""
        return self._last_captured

    @property
    def last_number(self) -> int:
        """Number of the frame that was last judged, skipped as frozen, or withdrawn."""
        return self._last_number

    def news(self, now: float, first: int) -> News:
        """News since the last call. first: number of the first frame of the stretch that the caller knows of; news about a later stretch
        waits. Raises the error that ended the thread, if any.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            early = self._first > first
            news = News(
                None if early else self._judgement,
                list(self._before),
                [] if early else list(self._after),
                tuple(self._scores),
                self._counts(now),
            )
            self._before.clear()
            self._scores.clear()
            if not early:
                self._after.clear()
            return news

    def overall_delay(self) -> tuple[float, float] | None:
        """Median and 95th percentile of the seconds from capture to verdict over the whole watch; None before the first."""
        with self._lock:
            return self._delays.overall()

    def withdraw(self, cause: str, number: int) -> None:
        """Withdraw all results from frames up to that number, including one that is being judged or waiting."""
        with self._lock:
            self._withdraw(cause, number)

    def _withdraw(self, cause: str, number: int) -> None:
        if number > self._withdrawn_to:
            self._withdrawn_to = number
            self._judgement = None
            self._before.extend(self._after)
            self._before.extend(self._people.clear(cause))
            self._after.clear()

    def _counts(self, now: float) -> Counts:
        while self._judged_at and self._judged_at[0] < now - RATE_SECONDS:
            self._judged_at.popleft()
        span = now - self._judged_at[0] if self._judged_at else 0.0
        rate = (len(self._judged_at) - 1) / span if span > 0 else 0.0
        return Counts(self._looked_at, self._judged, rate, self._delays.recent(now))

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                started = time.monotonic()
                live = self._feed.newer_than(self._last_number, WAIT_SECONDS)
                if live is None:
                    continue
                self._take(live)
                self._bell.set()
                self._closed.wait(max(0.0, 1 / self._settings.judged_fps - (time.monotonic() - started)))
        except BaseException as error:
            with self._lock:
                self._failure = error
            self._bell.set()

    def _take(self, live: LiveFrame) -> None:
        if live.number > self._withdrawn_to:
            if live.unchanged_seconds < self._settings.frozen_seconds:
                self._look(live)
            self._last_captured = live.captured
        self._last_number = live.number

    def _look(self, live: LiveFrame) -> None:
        with self._lock:
            if live.first != self._first:
                self._first = live.first
                # The watch may have missed a short interruption.
                self._withdraw("lost" if live.segment != self._segment else "stale", live.first - 1)
            if live.segment != self._segment:
                self._segment = live.segment
                self._looker.start_segment()
        sights = self._looker.look(live.frame)
        with self._lock:
            if self._sealed:
                return
            self._looked_at += 1
            if live.number > self._withdrawn_to:
                self._keep(live, sights)

    def _keep(self, live: LiveFrame, sights: list[Sight]) -> None:
        now, seconds = now_seconds(), live.frame.pts_seconds
        scores = [sight.score for sight in sights if sight.score is not None]
        people, happenings = self._people.see(seconds, sights)
        self._chronicle.see(seconds, sights)
        for happening in happenings:
            if happening.kind == "alarm":
                self._chronicle.alarm(happening.verdict, happening.faces)
        for person in people:
            if person.alarmed:
                self._chronicle.strengthen(person.verdict)
        if scores:
            self._judged += 1
            self._judged_at.append(now)
        self._delays.add(now, now - live.captured)
        self._scores.extend(scores)
        self._after.extend(happenings)
        self._judgement = Judgement(live, people, self._people.frames_looked_at)


def crops_of(happenings: list[Happening]) -> dict[int, tuple[NDArray[np.uint8], ...]]:
    """Track id -> crops of each alarm among the happenings."""
    return {happening.verdict.track_id: happening.crops_rgb for happening in happenings if happening.kind == "alarm"}


RECENT_SECONDS = 60.0
MOST_RECENT = 60 * 240
LONGEST_MILLISECONDS = 60_000


class Delays:
    """Delays from capture to verdict, counted in bins of a millisecond up to a minute. Memory is constant."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=MOST_RECENT)
        self._counts = np.zeros(LONGEST_MILLISECONDS + 1, np.int64)

    def add(self, now: float, delay_seconds: float) -> None:
        """Add one frame's delay. now: by `now_seconds`."""
        self._recent.append((now, delay_seconds))
        self._counts[min(max(round(delay_seconds * 1000), 0), LONGEST_MILLISECONDS)] += 1

    def recent(self, now: float) -> tuple[float, float] | None:
        """Median and 95th percentile in seconds over the last minute; None if nothing was judged in it."""
        while self._recent and self._recent[0][0] < now - RECENT_SECONDS:
            self._recent.popleft()
        if not self._recent:
            return None
        middle, late = np.percentile([delay for _, delay in self._recent], (50, 95))
        return float(middle), float(late)

    def overall(self) -> tuple[float, float] | None:
        """The same over the whole watch."""
        total = int(self._counts.sum())
        if not total:
            return None
        cumulated = np.cumsum(self._counts)
        middle, late = (float(np.searchsorted(cumulated, share * total)) / 1000 for share in (0.5, 0.95))
        return middle, late
