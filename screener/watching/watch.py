"""`live`: an endless source watched, one update after the other, also while nothing happens.

Puts the feed, the judge and the states together and tells what changes. Does not draw, print or write anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from screener.checkpoint import Checkpoint
from screener.pipeline import Screener
from screener.records import Verdict
from screener.settings import LiveSettings
from screener.verdict import judge_video
from screener.video import Source
from screener.video.feed import Feed, FeedStatus
from screener.video.live_sources import live_source
from screener.watching.following import Follower
from screener.watching.judging import Counts, Judge, Judgement, crops_of
from screener.watching.outage import Outages, state_of
from screener.watching.people import Happening
from screener.watching.records import LiveEvent, LivePerson, LiveStats, LiveUpdate
from screener.watching.summary import WatchFacts, summary_details, summary_verdict

QUIET_SECONDS = 0.25
"""An update comes at least so often."""

LAST_FRAME_SECONDS = 30.0
"""For the last frame of a source that has ended to be judged."""

DOWN = ("stale", "frozen", "lost")


class Watch:
    """An iterator of `LiveUpdate`s, the last of which brings the `summary`; a context manager. Not for use from several threads."""

    def __init__(
        self, screener: Screener, source: Source, settings: LiveSettings, pictures: bool = True, clock: Any = time.monotonic
    ) -> None:
        """screener: with the settings `settings.judging()`. pictures: updates bring the newest frame, with boxes that follow the faces."""
        self._screener, self._source, self._settings, self._pictures = screener, source, settings, pictures
        self._clock = clock
        self._bell = threading.Event()
        self._feed = Feed(source, settings, self._bell.set if pictures else lambda: None)
        self._judge = Judge(screener, settings, self._feed, self._bell)
        self._follower = Follower()
        self._followed: Judgement | None = None
        self._outages = Outages()
        self._outage_count = 0
        self._state = ""
        self._segment = 0
        self._live_since: float | None = None
        self._blocked = False
        self._last_arrival: float | None = None
        self._source_ended_at: float | None = None
        self._finished = False
        self._started = 0.0
        self._moment = (0.0, "")
        self.verdict: Verdict | None = None
        """On the whole watch, once it has ended."""

    def __iter__(self) -> Iterator[LiveUpdate]:
        return self

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __next__(self) -> LiveUpdate:
        """Raises SourceError for a source that can never be watched, such as a camera that is not there."""
        if self._finished:
            raise StopIteration
        if not self._started:
            return self._start()
        self._bell.wait(QUIET_SECONDS)
        self._bell.clear()
        try:
            if self._is_over():
                return self.finish()
            return self._update()
        except BaseException:
            self.close()
            raise

    def finish(self) -> LiveUpdate:
        """End the watch now: the last update, with the summary; `verdict` is then that on the whole watch."""
        now = self._begin_update()
        status = self._feed.status()
        counts = self._judge.counts(now)
        self.close()
        happenings, scores = self._judge.untold()
        lost = self._outages.seconds(now)
        facts = WatchFacts(self._moment[0], lost, self._outage_count, status, counts, self._judge.overall_delay())
        verdict = summary_verdict(self._screener, self._source, self._settings, self._judge.chronicle, facts)
        self.verdict = verdict
        summary = self._event("summary", **summary_details(verdict, self._judge.chronicle, facts))
        # What was said of people in the last moment is still told; interruptions are over with the watch.
        events = (*self._told(happenings), summary)
        return self._composed("ended", "", status, counts, (), verdict.outcome, verdict.reasons, events, scores=scores)

    def close(self) -> None:
        """At once, also while the source hangs. Safe to call again."""
        self._finished = True
        self._feed.close()
        self._judge.close()

    def _start(self) -> LiveUpdate:
        self._started = self._clock()
        self._begin_update()
        self._feed.start()
        self._judge.start()
        self._state = "opening"
        settings = {**self._settings.to_dict(), **self._screener.scorer.ran_on()}
        details = {"source": self._source.name, "threshold": round(self._screener.limits.threshold, 4), "settings": settings}
        start = self._event("start", **details, checkpoint=self._screener.checkpoint.summary())
        return self._composed("opening", "", FeedStatus(), Counts(), (), "undecided", (), (start,))

    def _is_over(self) -> bool:
        now = self._clock()
        limit = self._settings.duration_seconds
        if limit is not None and now - self._started >= limit:
            return True
        if self._feed.status().phase != "ended":
            return False
        self._source_ended_at = self._source_ended_at or now
        newest = self._feed.newest()
        seen = newest is None or self._judge.last_number >= newest.number
        return seen or now - self._source_ended_at > LAST_FRAME_SECONDS

    def _begin_update(self) -> float:
        """The moment that the update and all its events bear: they are told in another order than they are made in."""
        now = float(self._clock())
        passed = max(0.0, now - self._started) if self._started else 0.0  # a watch may be ended before it began
        self._moment = (passed, datetime.now().astimezone().isoformat(timespec="milliseconds"))
        return now

    def _update(self) -> LiveUpdate:
        now = self._begin_update()
        status, newest = self._feed.status(), self._feed.newest()
        if status.phase == "ended":  # the last frame is being looked at
            state, message = "live", ""
        else:
            state, message = state_of(status, newest, self._judged_at(), now, self._settings)
        events = self._changes(state, message, status, now)
        # Fetched after a withdrawal, and before the picture is put together: nobody is shown who has just been taken back.
        judgement = self._judge.judgement() if state == "live" else None
        happenings, scores = self._judge.untold()
        events = self._in_order(state, events, happenings)
        counts = self._judge.counts(now)
        outcome, reasons = self._outcome(state, judgement, status)
        picture = newest.frame.picture_rgb if newest is not None and self._pictures and state in ("live", "stale", "frozen") else None
        people = self._people(judgement, picture)
        return self._composed(
            state, message, status, counts, people, outcome, reasons, events, picture=picture, scores=scores, crops_rgb=crops_of(happenings)
        )

    def _judged_at(self) -> float | None:
        """Since when nothing was judged; None while there was nothing to judge."""
        if self._blocked:
            return self._judge.last_captured
        return None if self._live_since is None else max(self._judge.last_captured, self._live_since)

    def _changes(self, state: str, message: str, status: FeedStatus, now: float) -> tuple[LiveEvent, ...]:
        """The events of going from one state to another; whoever was spoken of while frames came is no longer."""
        events: list[LiveEvent] = []
        missed = state == "live" and self._state == "live" and status.segments > self._segment
        if missed:
            # Lost and found again between two looks.
            events += self._down("lost", "the connection was lost and came back", status, now)
        if state in DOWN and state != self._state:
            events += self._down(state, message, status, now)
        elif state == "live" and (self._state in DOWN or missed):
            lasted = self._outages.end(now)
            after = "lost" if missed else self._state
            events.append(self._event("reconnected", lost_seconds=round(lasted, 3), after=after, segment=status.segments))
        if state == "live" and (self._state != "live" or missed):
            self._live_since, self._blocked = now, False
        self._state = state
        if state == "live":
            self._segment, self._last_arrival = status.segments, status.last_arrival
        return tuple(events)

    def _down(self, state: str, message: str, status: FeedStatus, now: float) -> list[LiveEvent]:
        if self._state not in DOWN:
            self._outages.begin(self._last_arrival or now)
            self._outage_count += 1
        # With frames coming and changing, it is the judge that stands still: until it moves, there is nothing to show.
        self._blocked = state == "stale" and status.last_arrival is not None and now - status.last_arrival <= self._settings.stale_seconds
        self._live_since = None
        self._judge.withdraw(state)
        if state == "lost":
            wait = max(0.0, (status.retry_at or now) - now)
            extra = {"reason": status.reason} if status.reason else {}
            return [self._event("lost", message=message or "the stream broke off", retry_seconds=round(wait, 3), **extra)]
        return [self._event("stale", message=message, state=state)]

    def _outcome(self, state: str, judgement: Judgement | None, status: FeedStatus) -> tuple[str, tuple[str, ...]]:
        if state != "live":
            return "undecided", () if state == "opening" else (status.reason or "stream_lost",)
        if judgement is None:
            return "undecided", ()
        people = [person.verdict for person in judgement.people]
        return judge_video(people, "complete", judgement.frames_looked_at, self._screener.limits.threshold)

    def _people(self, judgement: Judgement | None, picture: Any) -> tuple[LivePerson, ...]:
        if judgement is None or picture is None:
            return judgement.people if judgement else ()
        if judgement is not self._followed:
            boxes = {person.verdict.track_id: person.box_xyxy for person in judgement.people if person.box_xyxy is not None}
            self._follower.remember(judgement.live.frame.picture_rgb, boxes)
            self._followed = judgement
        if picture is judgement.live.frame.picture_rgb:
            return judgement.people
        moved = self._follower.boxes_in(picture)
        return tuple(
            LivePerson(person.verdict, moved.get(person.verdict.track_id), person.history, person.alarmed) for person in judgement.people
        )

    def _in_order(self, state: str, changes: tuple[LiveEvent, ...], happenings: list[Happening]) -> tuple[LiveEvent, ...]:
        """What was said of people before the state changed, the change, and what was said after it: no alarm outlives its pictures."""
        before = len(happenings) if state in DOWN else 0
        withdrawn = [number for number, one in enumerate(happenings, 1) if one.cause in DOWN]
        cut = withdrawn[-1] if withdrawn else before
        return (*self._told(happenings[:cut]), *changes, *self._told(happenings[cut:]))

    def _told(self, happenings: list[Happening]) -> list[LiveEvent]:
        return [
            self._event(one.kind, **one.verdict.to_dict(), **({"cause": one.cause} if one.cause else {})) for one in happenings
        ]  # fmt: skip

    def _event(self, kind: str, **details: Any) -> LiveEvent:
        return LiveEvent(kind, *self._moment, details)

    def _composed(
        self,
        state: str,
        message: str,
        status: FeedStatus,
        counts: Counts,
        people: tuple[LivePerson, ...],
        outcome: str,
        reasons: tuple[str, ...],
        events: tuple[LiveEvent, ...],
        **more: Any,
    ) -> LiveUpdate:
        middle, late = counts.delay or (None, None)
        stats = LiveStats(
            frames_received=status.frames_received,
            frames_dropped=max(0, status.frames_received - counts.looked_at),
            frames_judged=counts.judged,
            received_fps=status.received_fps,
            judged_fps=counts.judged_fps,
            delay_median_seconds=middle,
            delay_p95_seconds=late,
            segments=status.segments,
            source_fps=status.source_fps,
        )
        retry = max(0.0, status.retry_at - self._clock()) if state == "lost" and status.retry_at is not None else None
        seconds, time_text = self._moment
        return LiveUpdate(
            seconds=seconds,
            time=time_text,
            state=state,
            outcome=outcome,
            reasons=reasons,
            people=people,
            stats=stats,
            threshold=self._screener.limits.threshold,
            message=message,
            events=events,
            retry_seconds=retry,
            picture_rgb=more.pop("picture", None),
            **more,
        )


def live(
    source: Source | str | int | Path = 0,
    settings: LiveSettings | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
    pictures: bool = True,
) -> Watch:
    """Watch a camera index, device path, named pipe, address, or a file at its own speed: `for update in screener.live(source): ...`.

    Updates come several times a second, also while nothing happens; leaving the loop does not end the watch, `close` or `with` does.
    pictures: updates bring the newest frame. Raises SourceError, CheckpointError, SettingsError and DeviceError.
    """
    settings = settings or LiveSettings()
    found = live_source(source)
    return Watch(Screener(settings.judging(), checkpoint), found, settings, pictures)
