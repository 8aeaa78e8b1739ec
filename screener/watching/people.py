"""The people in view, each judged over a rolling window of time with the functions of a scan.

Knows sights and seconds, not the source of frames or the wall clock. Memory per person is bounded by the window: a few numbers for each
frame in it, and a handful of crops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from screener.records import FaceScore, TrackVerdict
from screener.settings import LiveSettings
from screener.verdict.judging import Limits, Sighting, judge_person
from screener.watching.looking import Sight
from screener.watching.records import LivePerson
from screener.watching.steadiness import Steadiness, SteadyOutcome

HISTORY_POINTS = 60
HISTORY_STEP_SECONDS = 1.0
CROPS_KEPT = 4


@dataclass(frozen=True, eq=False)
class Happening:
    """kind: "person", "alarm" or "cleared". cause: of a `cleared`, "doubted", "gone", "stale", "frozen" or "lost".

    faces: of an alarm, the most telling scores of the window, highest first, each with its crop as `thumbnail_rgb`.
    """

    kind: str
    verdict: TrackVerdict
    cause: str = ""
    faces: tuple[FaceScore, ...] = ()

    @property
    def crops_rgb(self) -> tuple[NDArray[np.uint8], ...]:
        """(S, S, 3) uint8 each, in the order of `faces`."""
        return tuple(face.thumbnail_rgb for face in self.faces if face.thumbnail_rgb is not None)


@dataclass(frozen=True, eq=False)
class _Glance:
    """One frame's measurements of a person."""

    seconds: float
    face_px: float
    flaw: str
    score: FaceScore | None


class People:
    """Everyone seen within the window."""

    def __init__(self, limits: Limits, settings: LiveSettings) -> None:
        self._limits = limits
        self._window_seconds = settings.window_seconds
        self._rules = Steadiness(limits.threshold, settings.margin, settings.hold_seconds, settings.min_seconds)
        self._people: dict[int, _Person] = {}
        self._looks: deque[float] = deque()

    @property
    def frames_looked_at(self) -> int:
        """Number of frames within the window."""
        return len(self._looks)

    def see(self, seconds: float, sights: Sequence[Sight]) -> tuple[tuple[LivePerson, ...], list[Happening]]:
        """Add the faces of one more frame; returns everyone in the window, by track id, and what changed."""
        self._looks.append(seconds)
        oldest = seconds - self._window_seconds
        while self._looks[0] < oldest:
            self._looks.popleft()
        for person in self._people.values():
            person.box_xyxy = None
        for sight in sights:
            if sight.track_id not in self._people:
                self._people[sight.track_id] = _Person(sight.track_id, seconds, SteadyOutcome(self._rules))
            self._people[sight.track_id].add(seconds, sight)
        happened: list[Happening] = []
        for track_id in sorted(self._people):
            person = self._people[track_id]
            person.forget(oldest)
            if not person.glances:
                happened += person.end("gone")
                del self._people[track_id]
            else:
                happened += person.judge(seconds, self._limits)
        return tuple(self._people[track_id].now() for track_id in sorted(self._people)), happened

    def clear(self, cause: str) -> list[Happening]:
        """Remove everyone, because a verdict never spans an interruption."""
        happened = [happening for person in self._people.values() for happening in person.end(cause)]
        self._people.clear()
        self._looks.clear()
        return happened


class _Person:
    def __init__(self, track_id: int, seconds: float, steady: SteadyOutcome) -> None:
        self._track_id = track_id
        self._first_seconds = seconds
        self._steady = steady
        self.glances: deque[_Glance] = deque()
        self.box_xyxy: NDArray[np.float32] | None = None
        self._telling: list[FaceScore] = []
        self._history: deque[tuple[float, float]] = deque(maxlen=HISTORY_POINTS)
        self._verdict: TrackVerdict | None = None

    def add(self, seconds: float, sight: Sight) -> None:
        self.box_xyxy = sight.box_xyxy
        self.glances.append(_Glance(seconds, sight.face_px, sight.flaw, sight.score))
        if sight.score is not None and sight.crop_rgb is not None:
            self._telling.append(replace(sight.score, thumbnail_rgb=sight.crop_rgb))

    def forget(self, oldest: float) -> None:
        while self.glances and self.glances[0].seconds < oldest:
            self.glances.popleft()
        recent = [face for face in self._telling if face.pts_seconds >= oldest]
        self._telling = sorted(recent, key=lambda face: -face.p_fake)[:CROPS_KEPT]

    def judge(self, now: float, limits: Limits) -> list[Happening]:
        scores = [glance.score for glance in self.glances if glance.score is not None]
        evidence = scores[-1].pts_seconds - scores[0].pts_seconds if scores else 0.0
        before = self._verdict
        self._verdict = self._steady.step(judge_person(self._sighting(), scores, limits, is_still=False), evidence, now)
        if self._verdict.p_fake is not None and (not self._history or now - self._history[-1][0] >= HISTORY_STEP_SECONDS):
            self._history.append((now, self._verdict.p_fake))
        while self._history and self._history[0][0] < now - HISTORY_POINTS * HISTORY_STEP_SECONDS:
            self._history.popleft()
        return self._changes(before, self._verdict)

    def _changes(self, before: TrackVerdict | None, after: TrackVerdict) -> list[Happening]:
        if before is not None and before.outcome == after.outcome:
            return []
        if after.outcome == "fake":
            return [Happening("alarm", after, faces=tuple(self._telling))]
        if before is not None and before.outcome == "fake":
            return [Happening("cleared", after, "doubted")]
        return [Happening("person", after)]

    def end(self, cause: str) -> list[Happening]:
        """Stop judging this person, and withdraw any alarm."""
        if self._verdict is None or self._verdict.outcome != "fake":
            return []
        reason = "no_face" if cause == "gone" else "stream_lost"
        withdrawn = replace(self._verdict, outcome="undecided", p_fake=None, interval=None, segments=(), reasons=(reason,))
        return [Happening("cleared", withdrawn, cause)]

    def now(self) -> LivePerson:
        assert self._verdict is not None
        history = np.array(self._history, np.float64).reshape(-1, 2)
        return LivePerson(self._verdict, self.box_xyxy, history, alarmed=self._verdict.outcome == "fake")

    def _sighting(self) -> Sighting:
        flaws = [glance.flaw for glance in self.glances]
        return Sighting(
            track_id=self._track_id,
            first_seconds=self._first_seconds,
            last_seconds=self.glances[-1].seconds,
            frames_seen=len(self.glances),
            face_px=[glance.face_px for glance in self.glances],
            too_small=flaws.count("too_small"),
            too_blurred=flaws.count("too_blurred"),
        )
