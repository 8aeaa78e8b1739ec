"""A constructed verdict with markers of every kind."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from builders import person, verdict

from screener.records import Segment, Verdict, VideoFacts


def video(rate: str, seconds: float = 900.0) -> VideoFacts:
    return VideoFacts(
        seconds, (1280, 720), float(Fraction(rate)), "h264", "opencv", frames_decoded=round(seconds * Fraction(rate)), frame_rate=rate
    )


def marked_verdict(rate: str = "30000/1001", **changes: Any) -> Verdict:
    """Person 1 is fake in two stretches, one behind a minute and one behind ten; 2 is undecided and suspicious once; 3 is genuine."""
    people = (
        person("fake", 0.93, track_id=4, segments=(Segment(60.06, 61.5, 0.97), Segment(600.6, 601.0, 0.91)), first_seconds=0.0),
        person("undecided", 0.5, track_id=6, segments=(Segment(2.0, 3.5, 0.8),), reasons=("near_threshold",)),
        person("genuine", 0.1, track_id=9),
    )
    return verdict(outcome="fake", p_fake=0.93, people=people, video=video(rate), **changes)
