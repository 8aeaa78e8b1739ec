"""`live`: watches an endless source and yields updates, also while nothing happens.

Connects feed, judge and states, and reports changes. Does not draw, print or write anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from screener.checkpoint import Checkpoint
from screener.records import FaceScore, Verdict
from screener.runtime.file_hash import HashAhead
from screener.runtime.moments import begun_at
from screener.scanning.models import Models
from screener.settings import LiveSettings
from screener.verdict.judging import judge_video
from screener.video import Source
from screener.video.live.clock import now_seconds
from screener.video.live.feed import Feed, FeedStatus, LiveFrame
from screener.video.live.one_source import live_source
from screener.watching.following import Follower
from screener.watching.judging_thread import Counts, Judge, Judgement, crops_of
from screener.watching.outage import Outages, state_of
from screener.watching.people import Happening
from screener.watching.records import LiveEvent, LivePerson, LiveUpdate
from screener.watching.summary import WatchFacts, stats_of, summary_details, summary_verdict

QUIET_SECONDS = 0.25
"""Longest time between two updates."""

LAST_FRAME_SECONDS = 30.0
"""Time limit for judging the last frame of a source that has ended."""

DOWN = ("stale", "frozen", "lost")


class Watch:
    """An iterator of `LiveUpdate`s, the last of which carries the `summary`; a context manager. Not for use from several threads."""

    def __init__(
        self, models: Models, source: Source, settings: LiveSettings, pictures: bool = True, clock: Callable[[], float] = now_seconds
    ) -> None:
        """models: loaded with the settings `settings.judging()`. pictures: updates carry the newest frame, with boxes that follow the
        faces. clock: the one that times the feed's frames.
        """
        self._models, self._source, self._settings, self._pictures = models, source, settings, pictures
        self._clock = clock
        self._bell = threading.Event()
        self._feed = Feed(source, settings, self._bell.set if pictures else lambda: None)
        self._judge = Judge(models, settings, self._feed, self._bell)
        self._follower = Follower()
        self._followed: Judgement | None = None
        self._outages = Outages()
        self._outage_count = 0
        self._state = ""
        self._message = ""
        self._segment = self._first = 0
        self._live_since: float | None = None
        self._blocked = False
        self._last_arrival: float | None = None
        self._source_ended_at: float | None = None
        self._hash = HashAhead(None)
        self._finished = False
        self._started = self._last_beat = 0.0
        self._moment = (0.0, "")
        self._begun_at = ""
        self.verdict: Verdict | None = None
        """The verdict on the whole watch, once it has ended. Its `frames` are empty: see `scores`."""
        self.scores: tuple[FaceScore, ...] = ()
        """Scores behind that verdict, in order of time; of a long watch an even sample. Faces that raised alarms have pictures."""

    def __iter__(self) -> Iterator[LiveUpdate]:
        return self

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __next__(self) -> LiveUpdate:
        """The next update. Raises SourceError for a source that can never be watched, such as a missing camera."""
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
        """End the watch now and return the last update, with the summary; `verdict` is then set. Raises as `next` does."""
        now = self._begin_update()
        self.close()  # first, so that nothing changes while the summary is made
        status, newest = self._feed.look()
        state, message = self._state_of(status, newest, now)
        changes = self._changes(state, message, status, newest, now)
        news = self._judge.news(now, newest.first if newest is not None else 0)
        lost, delay = self._outages.seconds(now), self._judge.overall_delay()
        begun = self._begun_at or begun_at(0.0)  # the watch may end before it started
        facts = WatchFacts(begun, self._moment[0], lost, self._outage_count, status, news.counts, delay, self._hash.result())
        verdict = summary_verdict(self._models, self._source, self._settings, self._judge.chronicle, facts)
        self.verdict, self.scores = verdict, self._judge.chronicle.scores()
        summary = self._event("summary", **summary_details(verdict, self._judge.chronicle, facts))
        events = (*self._told(news.before), *changes, *self._told(news.after), summary)
        crops = crops_of([*news.before, *news.after])
        return self._composed(
            "ended", "", status, news.counts, (), verdict.outcome, verdict.reasons, events, scores=news.scores, crops_rgb=crops
        )

    def close(self) -> None:
        """Stop at once, even while the source hangs. Safe to call again."""
        self._finished = True
        self._feed.close()
        self._judge.close()
        self._hash.close()

    def _start(self) -> LiveUpdate:
        self._started = self._last_beat = self._clock()
        self._begin_update()
        self._begun_at = begun_at(0.0)
        self._hash = HashAhead(self._source.path if self._source.kind == "file" else None)
        self._feed.start()
        self._judge.start()
        self._state = "opening"
        settings = {**self._settings.to_dict(), **self._models.scorer.ran_on()}
        details = {"source": self._source.name, "threshold": round(self._models.limits.threshold, 4), "settings": settings}
        start = self._event("start", **details, checkpoint=self._models.checkpoint.summary())
        return self._composed("opening", "", FeedStatus(), Counts(), (), "undecided", (), (start,))

    def _is_over(self) -> bool:
        now = self._clock()
        limit = self._settings.duration_seconds
        if limit is not None and now - self._started >= limit:
            return True
        if self._feed.status().phase != "ended":
            return False
        self._source_ended_at = self._source_ended_at or now
        _, newest = self._feed.look()
        seen = newest is None or self._judge.last_number >= newest.number
        return seen or now - self._source_ended_at > LAST_FRAME_SECONDS

    def _begin_update(self) -> float:
        """The time of the update and all its events, fixed here because the events are created in another order than they are reported."""
        now = self._clock()
        passed = max(0.0, now - self._started) if self._started else 0.0  # the watch may end before it started
        self._moment = (passed, datetime.now().astimezone().isoformat(timespec="milliseconds"))
        return now

    def _update(self) -> LiveUpdate:
        now = self._begin_update()
        status, newest = self._feed.look()
        state, message = self._state_of(status, newest, now)
        changes = self._changes(state, message, status, newest, now)
        # After a withdrawal and before composing the picture, so that withdrawn people are not shown.
        news = self._judge.news(now, newest.first if newest is not None else 0)
        events = (*self._told(news.before), *changes, *self._told(news.after))
        judgement = news.judgement if state == "live" else None
        outcome, reasons = self._outcome(state, judgement, status)
        picture = newest.frame.picture_rgb if newest is not None and self._pictures and state in ("live", "stale", "frozen") else None
        people = self._people(judgement, picture)
        events += self._heartbeat(now, state, outcome, status, news.counts)
        crops = crops_of([*news.before, *news.after])
        return self._composed(
            state, message, status, news.counts, people, outcome, reasons, events, picture=picture, scores=news.scores, crops_rgb=crops
        )

    def _heartbeat(self, now: float, state: str, outcome: str, status: FeedStatus, counts: Counts) -> tuple[LiveEvent, ...]:
        every = self._settings.heartbeat_seconds
        if every is None or now - self._last_beat < every:
            return ()
        # Due at fixed moments, so that updates that come a little late do not add up; after a long silence, not all that were missed.
        self._last_beat = max(self._last_beat + every, now - every)
        stats = stats_of(status, counts)
        numbers = {name: getattr(stats, name) for name in ("frames_received", "frames_judged", "received_fps", "judged_fps")}
        return (self._event("heartbeat", state=state, outcome=outcome, **numbers, delay_median_seconds=stats.delay_median_seconds),)

    def _state_of(self, status: FeedStatus, newest: LiveFrame | None, now: float) -> tuple[str, str]:
        if status.phase != "ended":
            return state_of(status, newest, self._judged_at(newest), now, self._settings)
        # After the end, silence no longer counts. A state other than live stays unless a frame has arrived since.
        if self._state in DOWN and status.last_arrival in (None, self._last_arrival):
            return self._state, self._message
        return state_of(replace(status, phase="open"), newest, None, status.last_arrival or now, self._settings)

    def _judged_at(self, newest: LiveFrame | None) -> float | None:
        """The moment since which nothing was judged; None if there was nothing to judge."""
        if self._blocked:
            return self._judge.last_captured
        begins = newest is not None and newest.first != self._first
        return None if self._live_since is None or begins else max(self._judge.last_captured, self._live_since)

    def _changes(self, state: str, message: str, status: FeedStatus, newest: LiveFrame | None, now: float) -> tuple[LiveEvent, ...]:
        """The events of a change of state; when the state stops being live, everyone is withdrawn."""
        events: list[LiveEvent] = []
        first = newest.first if newest is not None else 0
        missed = ""
        if state == "live" and self._state not in DOWN and first > max(self._first, 1):
            # The source was interrupted and recovered between two updates.
            missed = "lost" if status.segments > self._segment else "stale"
            words = {"lost": "the connection was lost and came back", "stale": "no new frame came for a while"}[missed]
            events.append(self._down(missed, words, status, first - 1, now))
        if state in DOWN and state != self._state:
            if newest is not None and state == "frozen" and self._state not in DOWN:
                self._last_arrival = newest.captured - newest.unchanged_seconds
            events.append(self._down(state, message, status, newest.number if newest is not None else 0, now))
        elif state == "live" and (self._state in DOWN or missed):
            self._judge.withdraw(missed or self._state, first - 1)  # results of a stretch that began and ended between two updates
            lasted = self._outages.end(now)
            events.append(self._event("reconnected", lost_seconds=round(lasted, 3), after=missed or self._state, segment=status.segments))
        if state == "live" and (self._state != "live" or missed):
            self._live_since, self._blocked = now, False
        if state == "live":
            self._segment, self._first = status.segments, first
        self._state, self._message = state, message
        self._last_arrival = status.last_arrival if status.last_arrival is not None else self._last_arrival
        return tuple(events)

    def _down(self, state: str, message: str, status: FeedStatus, number: int, now: float) -> LiveEvent:
        """number: of the newest frame whose results are withdrawn."""
        if self._state not in DOWN:
            self._outages.begin(self._last_arrival or now)
            self._outage_count += 1
        # Frames arrive and change, so the judge is stuck; there is nothing to show until it continues.
        self._blocked = state == "stale" and status.last_arrival is not None and now - status.last_arrival <= self._settings.stale_seconds
        self._live_since = None
        self._judge.withdraw(state, number)
        if state == "lost":
            wait = max(0.0, (status.retry_at or now) - now)
            extra = {"reason": status.reason} if status.reason else {}
            return self._event("lost", message=message or "the stream broke off", retry_seconds=round(wait, 3), **extra)
        return self._event("stale", message=message, state=state)

    def _outcome(self, state: str, judgement: Judgement | None, status: FeedStatus) -> tuple[str, tuple[str, ...]]:
        if state != "live":
            return "undecided", () if state == "opening" else (status.reason or "stream_lost",)
        if judgement is None:
            return "undecided", ()
        people = [person.verdict for person in judgement.people]
        return judge_video(people, "complete", judgement.frames_looked_at, self._models.limits.threshold)

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
        retry = max(0.0, status.retry_at - self._clock()) if state == "lost" and status.retry_at is not None else None
        seconds, time_text = self._moment
        return LiveUpdate(
            seconds=seconds,
            time=time_text,
            state=state,
            outcome=outcome,
            reasons=reasons,
            people=people,
            stats=stats_of(status, counts),
            threshold=self._models.limits.threshold,
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

    Updates come several times a second, also while nothing happens. Leaving the loop does not end the watch; `close` or `with` does.
    pictures: updates carry the newest frame. Raises SourceError, CheckpointError, SettingsError and DeviceError.
    """
    settings = settings or LiveSettings()
    found = live_source(source)
    return Watch(Models(settings.judging(), checkpoint), found, settings, pictures)
