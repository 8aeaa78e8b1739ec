"""The geometry of the timeline: scores of each person against time -> lanes of paths, marks and shaded stretches. Pure arithmetic.

Horizontal positions are in per cent of the lane's width, so that one drawing fits a phone and a printed page; vertical ones in pixels.
Does not know SVG, colours or words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from screener.records import FaceScore, Segment, TrackVerdict, Verdict
from screener.report.wording import by_suspicion, clock, numbered

VIEW_WIDTH = 1000
"""Width of the paths' view box in its own units; stretched to the lane's width."""

MOST_LANES = 12
MOST_MARKS = 80
"""A person with more judged frames than this is drawn as a line without marks, which would overlap on a phone."""

MOST_POINTS = 600
"""A line of more points is reduced to the lowest and the highest score in each of this many equal intervals of time."""

MOST_TICKS = 7
GAP_FACTOR = 3.0
"""A line breaks where the time between two judged frames is this many times the median."""

SHAPES = ("circle", "square", "triangle", "diamond", "cross", "bar")
"""Shapes of marks, assigned to people in turn, so that they can be told apart without colour."""

_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_HEIGHT_PX = {1: 200, 2: 140, 3: 110}
_SMALLEST_HEIGHT_PX = 90


@dataclass(frozen=True)
class Mark:
    """One judged frame. suspicious: at or above the threshold."""

    x_percent: float
    y_px: float
    suspicious: bool
    seconds: float
    p_fake: float


@dataclass(frozen=True)
class Shade:
    """A suspicious interval."""

    x_percent: float
    width_percent: float
    segment: Segment


@dataclass(frozen=True)
class Lane:
    """One person's drawing. path: SVG path data in a view box of VIEW_WIDTH by height_px. marks: empty for a dense line."""

    number: int
    person: TrackVerdict
    shape: str
    path: str
    marks: tuple[Mark, ...]
    shades: tuple[Shade, ...]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, at a position in the drawing's units."""

    position: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """Lanes over one time axis, the most suspicious person first.

    left_out: number of judged people without a lane. thinned: whether a line shows extremes instead of every frame.
    """

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    height_px: int
    threshold_y_px: float
    left_out: int
    thinned: bool


def timeline(verdict: Verdict) -> Timeline | None:
    """The timeline of a verdict; None for a still picture, or if nothing was judged."""
    of_track: dict[int, list[FaceScore]] = {}
    for score in verdict.frames:
        of_track.setdefault(score.track_id, []).append(score)
    judged = [(number, person) for number, person in numbered(verdict) if person.track_id in of_track]
    end_seconds = max([verdict.video.duration_seconds, *(score.pts_seconds for score in verdict.frames)])
    if verdict.video.is_still or not judged or end_seconds <= 0:
        return None
    shown = sorted(judged, key=lambda item: by_suspicion(item[1]))[:MOST_LANES]
    height_px = _HEIGHT_PX.get(len(shown), _SMALLEST_HEIGHT_PX)
    axis = _Axis(end_seconds, height_px, verdict.threshold)
    lanes = tuple(axis.lane(number, person, of_track[person.track_id]) for number, person in shown)
    return Timeline(
        lanes=lanes,
        ticks=time_ticks(end_seconds),
        height_px=height_px,
        threshold_y_px=axis.y(verdict.threshold),
        left_out=len(judged) - len(shown),
        thinned=any(len(of_track[lane.person.track_id]) > MOST_POINTS for lane in lanes),
    )


def time_ticks(end_seconds: float) -> tuple[Tick, ...]:
    """At most MOST_TICKS round times from 0 to `end_seconds`, at positions in per cent."""
    step = next((s for s in _STEPS_SECONDS if end_seconds / s <= MOST_TICKS - 1), end_seconds / (MOST_TICKS - 1))
    count = int(end_seconds / step + 1e-9) + 1
    decimals = 1 if step < 1 else 0
    return tuple(Tick(round(100 * i * step / end_seconds, 3), clock(i * step, decimals)) for i in range(count))


@dataclass(frozen=True)
class _Axis:
    end_seconds: float
    height_px: int
    threshold: float

    def x(self, seconds: float) -> float:
        return round(100 * min(max(seconds / self.end_seconds, 0.0), 1.0), 3)

    def y(self, p_fake: float) -> float:
        return round((1 - p_fake) * self.height_px, 2)

    def lane(self, number: int, person: TrackVerdict, scores: Sequence[FaceScore]) -> Lane:
        ordered = sorted(scores, key=lambda s: (s.pts_seconds, s.frame_index))
        dense = len(ordered) > MOST_MARKS
        return Lane(
            number=number,
            person=person,
            shape=SHAPES[(number - 1) % len(SHAPES)],
            path=self._path(ordered),
            marks=() if dense else tuple(self._mark(score) for score in ordered),
            shades=tuple(self._shade(segment) for segment in person.segments),
        )

    def _mark(self, score: FaceScore) -> Mark:
        x, y = self.x(score.pts_seconds), self.y(score.p_fake)
        return Mark(x, y, score.p_fake >= self.threshold, score.pts_seconds, score.p_fake)

    def _shade(self, segment: Segment) -> Shade:
        start = self.x(segment.start_seconds)
        return Shade(start, round(max(self.x(segment.end_seconds) - start, 0.2), 3), segment)

    def _path(self, ordered: Sequence[FaceScore]) -> str:
        """Lines between neighbours in time; a new line after a gap."""
        points = thinned(ordered, MOST_POINTS)
        steps = [b.pts_seconds - a.pts_seconds for a, b in pairwise(ordered)]
        longest = GAP_FACTOR * median(steps) if steps else 0.0
        if len(points) < len(ordered):
            longest = max(longest, GAP_FACTOR * (ordered[-1].pts_seconds - ordered[0].pts_seconds) / MOST_POINTS)
        parts, last = [], None
        for score in points:
            connected = last is not None and score.pts_seconds - last <= longest
            parts.append(f"{'L' if connected else 'M'}{self.x(score.pts_seconds) * VIEW_WIDTH / 100:.2f} {self.y(score.p_fake):.2f}")
            last = score.pts_seconds
        # An isolated point is a line of zero length, visible through its round caps.
        return "".join(parts) + "h0"


def thinned(ordered: Sequence[FaceScore], most: int) -> list[FaceScore]:
    """Scores in time order -> all of them, or the lowest and the highest of each of `most` equal intervals of time, in time order."""
    if len(ordered) <= most:
        return list(ordered)
    start, length = ordered[0].pts_seconds, ordered[-1].pts_seconds - ordered[0].pts_seconds
    stretches: dict[int, list[FaceScore]] = {}
    for score in ordered:
        place = int((score.pts_seconds - start) / length * most) if length else 0
        stretches.setdefault(min(place, most - 1), []).append(score)
    kept: list[FaceScore] = []
    for _, scores in sorted(stretches.items()):
        ends = {min(range(len(scores)), key=lambda i: scores[i].p_fake), max(range(len(scores)), key=lambda i: scores[i].p_fake)}
        kept.extend(scores[i] for i in sorted(ends))
    return kept
