"""Memory of a whole watch, of any length: everyone who was seen, judged at the end as a scan would judge them.

Its size is bounded: a fixed number of scores per person, thinned out evenly as they become more, and a fixed number of people.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from screener.records import FaceScore, TrackVerdict
from screener.verdict.judging import Limits, Sighting, judge_person
from screener.watching.looking import Sight

MOST_ROWS = 2048
MOST_PEOPLE = 256


class Thinned:
    """Rows of numbers: all of them up to MOST_ROWS, then every second, every fourth and so on."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._values = array("d")
        self._stride = 1
        self.count = 0
        """Number of rows added, including those that were thinned out."""

    def add(self, row: Iterable[float]) -> None:
        """Add a row of numbers; once there are too many, only every n-th is kept."""
        if self.count % self._stride == 0:
            self._values.extend(row)
        self.count += 1
        if len(self._values) >= MOST_ROWS * self._columns:
            self._values = array("d", self.rows()[::2].ravel())
            self._stride *= 2

    def rows(self) -> NDArray[np.float64]:
        """(n, columns) copy, in order."""
        return np.array(self._values, np.float64).reshape(-1, self._columns)


class _Presence:
    """One person: times, sizes, flaws, scores; of alarms the strongest fake verdict while one was on, and the faces of the strongest."""

    def __init__(self, track_id: int, seconds: float) -> None:
        self.track_id = track_id
        self.first_seconds = self.last_seconds = seconds
        self.flaws = {"too_small": 0, "too_blurred": 0}
        self.face_px = Thinned(1)
        self.scores = Thinned(5)
        self.alarm: TrackVerdict | None = None
        self.faces: tuple[FaceScore, ...] = ()

    def add(self, seconds: float, sight: Sight) -> None:
        self.last_seconds = seconds
        self.face_px.add((sight.face_px,))
        if sight.flaw:
            self.flaws[sight.flaw] += 1
        if sight.score is not None:
            score = sight.score
            self.scores.add((score.pts_seconds, score.frame_index, score.p_fake, score.face_px, score.sharpness))

    def verdict(self, limits: Limits) -> TrackVerdict:
        seen = Sighting(
            self.track_id, self.first_seconds, self.last_seconds, self.face_px.count, list(self.face_px.rows()[:, 0]), **self.flaws
        )
        whole = judge_person(seen, [_score(self.track_id, row) for row in self.scores.rows()], limits, is_still=False)
        whole = replace(whole, frames_judged=self.scores.count)
        if self.alarm is None or whole.outcome == "fake":
            return whole
        # Hours of harmless frames do not cancel an alarm; the numbers are those of the moment it was strongest.
        return replace(whole, outcome="fake", reasons=(), p_fake=self.alarm.p_fake, interval=self.alarm.interval)


def _score(track_id: int, row: NDArray[np.float64]) -> FaceScore:
    seconds, frame_index, p_fake, face_px, sharpness = (float(value) for value in row)
    return FaceScore(track_id, int(frame_index), seconds, 0.0, p_fake, np.zeros(4, np.float32), 1.0, face_px, sharpness)


class Chronicle:
    """Everyone seen since the start of the watch. alarms: number of alarms. forgotten: number of people dropped beyond the limit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._people: dict[int, _Presence] = {}
        self._unlisted: dict[tuple[str, tuple[str, ...]], TrackVerdict] = {}
        self.alarms = 0
        self.forgotten = 0

    def see(self, seconds: float, sights: Sequence[Sight]) -> None:
        """Note who was seen at a moment. seconds: since the start."""
        for sight in sights:
            if sight.track_id not in self._people:
                self._people[sight.track_id] = _Presence(sight.track_id, seconds)
            self._people[sight.track_id].add(seconds, sight)
        seen = {sight.track_id for sight in sights}
        while len(self._people) > max(MOST_PEOPLE, len(seen)):
            # People in the picture are kept, and people with an alarm for as long as there are others to drop.
            absent = [person for person in self._people.values() if person.track_id not in seen]
            least = min(absent, key=lambda person: (person.alarm is not None, person.scores.count, person.track_id))
            self._forget(least)

    def _forget(self, person: _Presence) -> None:
        """Drop a person. Of all with the same outcome and reasons one verdict stays: the highest score, the frames of all."""
        del self._people[person.track_id]
        self.forgotten += 1
        verdict = person.verdict(self._limits)
        alike = self._unlisted.get((verdict.outcome, verdict.reasons), replace(verdict, frames_seen=0))
        strongest = max(alike, verdict, key=lambda one: -1.0 if one.p_fake is None else one.p_fake)
        self._unlisted[verdict.outcome, verdict.reasons] = replace(strongest, frames_seen=alike.frames_seen + verdict.frames_seen)

    def alarm(self, verdict: TrackVerdict, faces: Sequence[FaceScore] = ()) -> None:
        """Count an alarm, and keep the verdict that raised it. faces: that raised it, with their crops; kept of the strongest alarm."""
        self.alarms += 1
        person = self._people.get(verdict.track_id)
        if person is not None and faces and (not person.faces or faces[0].p_fake > person.faces[0].p_fake):
            person.faces = tuple(faces)
        self.strengthen(verdict)

    def strengthen(self, verdict: TrackVerdict) -> None:
        """Note a further verdict on a person while an alarm is on."""
        person = self._people.get(verdict.track_id)
        if person is not None and (person.alarm is None or (verdict.p_fake or 0.0) > (person.alarm.p_fake or 0.0)):
            person.alarm = verdict

    def scores(self) -> tuple[FaceScore, ...]:
        """Scores of everyone, in order of time: all of them, or a sample of those of a long watch. Only faces that raised an alarm have a
        box and a picture.
        """
        found: list[FaceScore] = []
        for person in self._people.values():
            pictured = {face.pts_seconds for face in person.faces}
            plain = [_score(person.track_id, row) for row in person.scores.rows() if row[0] not in pictured]
            found += [*plain, *person.faces]
        return tuple(sorted(found, key=lambda score: (score.pts_seconds, score.track_id)))

    def people(self) -> tuple[TrackVerdict, ...]:
        """The verdict on everyone over the whole watch, in order of their ids, less those who were forgotten."""
        return tuple(self._people[track_id].verdict(self._limits) for track_id in sorted(self._people))

    def unlisted(self) -> tuple[TrackVerdict, ...]:
        """What counts for the watch of those who were forgotten: one verdict for all with the same outcome and reasons."""
        return tuple(self._unlisted.values())
