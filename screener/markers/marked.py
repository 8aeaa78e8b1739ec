"""A verdict -> the suspicious intervals to mark, in seconds and in frames.

Knows verdicts and time bases. Does not know any marker format.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from screener.markers.timecode import Timebase
from screener.records import TrackVerdict, Verdict
from screener.report.wording import headline, numbered, score, spelt_out, visible


@dataclass(frozen=True)
class Marker:
    """An interval of one person. start_frame: first marked frame. end_frame: first frame after it, so at least one frame is marked."""

    person: int
    outcome: str
    p_fake: float | None
    start_seconds: float
    end_seconds: float
    start_frame: int
    end_frame: int
    note: str

    @property
    def name(self) -> str:
        """`Person 2: FAKE 0.97`, or `SUSPICIOUS` if the person was not judged fake."""
        p_fake = "" if self.p_fake is None else f" {score(self.p_fake)}"
        return f"Person {self.person}: {'FAKE' if self.outcome == 'fake' else 'SUSPICIOUS'}{p_fake}"

    @property
    def frames(self) -> int:
        """Number of marked frames."""
        return self.end_frame - self.start_frame


@dataclass(frozen=True)
class MarkedVideo:
    """One video and its markers, in order of time. uri: its location. size_wh: (0, 0) if unknown. frames: its length."""

    name: str
    uri: str
    headline: str
    size_wh: tuple[int, int]
    timebase: Timebase
    frames: int
    markers: tuple[Marker, ...]


def marked_video(verdict: Verdict, path: Path | None) -> MarkedVideo | None:
    """The markers of a verdict; None for a picture or an unreadable input, which have no frames to count.

    A person is marked where their scores are suspicious; a fake person without such an interval for their whole time on screen.
    path: the file that was judged, None if it was not a file.
    """
    if not verdict.video.frame_rate or verdict.video.is_still or not verdict.video.frames_decoded:
        return None
    timebase = Timebase.of(Fraction(verdict.video.frame_rate))
    markers = [_marker(timebase, number, person, stretch) for number, person in numbered(verdict) for stretch in _stretches(person)]
    name = visible(verdict.source if path is None else path.name)
    return MarkedVideo(
        name=name,
        uri=path.absolute().as_uri() if path is not None else f"file:///{name}",
        headline=headline(verdict),
        size_wh=verdict.video.size_wh,
        timebase=timebase,
        frames=max(1, timebase.frame_at(verdict.video.duration_seconds), *(marker.end_frame for marker in markers)),
        markers=tuple(sorted(markers, key=lambda marker: (marker.start_seconds, marker.person))),
    )


Stretch = tuple[float, float, float | None]
"""Start and end, seconds, and the score."""


def _stretches(person: TrackVerdict) -> list[Stretch]:
    found: list[Stretch] = [(segment.start_seconds, segment.end_seconds, segment.p_fake) for segment in person.segments]
    if not found and person.outcome == "fake":
        found = [(person.first_seconds, person.last_seconds, person.p_fake)]
    # A stretch that an edit list hides from players, at times below 0, has no place on their timeline.
    return [stretch for stretch in found if stretch[1] >= 0]


def _marker(timebase: Timebase, number: int, person: TrackVerdict, stretch: Stretch) -> Marker:
    start_seconds, end_seconds, p_fake = stretch
    start = timebase.frame_at(start_seconds)
    why = f" ({'; '.join(spelt_out(person.reasons))})" if person.reasons else ""
    whole = "" if person.p_fake is None else f"; over the whole video {score(person.p_fake)}"
    note = f"Mean score of this stretch {'unknown' if p_fake is None else score(p_fake)}{whole}; judged {person.outcome}{why}"
    return Marker(
        person=number,
        outcome=person.outcome,
        p_fake=p_fake,
        start_seconds=max(0.0, start_seconds),
        end_seconds=max(0.0, end_seconds),
        start_frame=start,
        end_frame=max(start + 1, timebase.frame_at(end_seconds)),
        note=note,
    )
