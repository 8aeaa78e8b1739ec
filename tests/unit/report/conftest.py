"""Constructed verdicts of every kind for the tests of reports."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from screener.records import FaceScore, Segment, TrackVerdict, Verdict, VideoFacts

THRESHOLD = 0.61
VIDEO = VideoFacts(12.0, (1280, 720), 25.0, "h264", "opencv", False, 300, 300, 32, 32, 0)
CHECKPOINT = {"name": "made-up", "sha256": "a3" * 32, "licence": "MIT", "training_data": ["first set", "second set"], "limits": "Few."}


def face(track_id: int, seconds: float, p_fake: float, with_picture: bool = False) -> FaceScore:
    picture = np.random.default_rng(track_id).integers(0, 256, (64, 64, 3), np.uint8) if with_picture else None
    box = np.array([100.25, -3.0, 180.0, 77.0], np.float32)
    return FaceScore(track_id, round(seconds * 25), seconds, math.log(p_fake / (1 - p_fake)), p_fake, box, 0.99, 80.0, 120.0, picture)


def person_with(track_id: int, outcome: str, p_fake: float, faces: list[FaceScore], **changes: Any) -> TrackVerdict:
    times = [f.pts_seconds for f in faces]
    interval = (max(0.0, p_fake - 0.07), min(1.0, p_fake + 0.04))
    made = TrackVerdict(track_id, outcome, p_fake, interval, min(times), max(times), len(faces) + 2, len(faces), 80.0)
    return replace(made, **changes)


def verdict_on(outcome: str, people: list[TrackVerdict], frames: list[FaceScore], **changes: Any) -> Verdict:
    leading = max(people, key=lambda p: p.p_fake or 0.0, default=None)
    made = Verdict(
        source="clip.mp4",
        sha256="9f" * 32,
        outcome=outcome,
        p_fake=leading.p_fake if leading else None,
        interval=leading.interval if leading else None,
        threshold=THRESHOLD,
        operating_point={"fpr": 0.05, "genuine_below": 0.42, "real_videos": 120},
        coverage="complete",
        reasons=(),
        warnings=(),
        video=VIDEO,
        people=tuple(people),
        frames=tuple(frames),
        checkpoint=CHECKPOINT,
        settings={"frames": 32, "fps": None},
        versions={"screener": "0.1.0"},
        timing_seconds={"total": 4.1},
    )
    return replace(made, **changes)


def steady(track_id: int, p_fake: float, count: int = 32, length_seconds: float = 12.0, pictures: int = 2) -> list[FaceScore]:
    return [face(track_id, (i + 0.5) * length_seconds / count, p_fake, i < pictures) for i in range(count)]


def make_genuine() -> Verdict:
    faces = steady(1, 0.08)
    return verdict_on("genuine", [person_with(1, "genuine", 0.08, faces)], faces)


def make_three_people() -> Verdict:
    """The second of three people, track 4, is fake from 2.1 to 7.4 seconds."""
    first, third = steady(1, 0.12), steady(7, 0.31, count=14, length_seconds=5.0)
    second = [face(4, f.pts_seconds, 0.97 if 2.1 <= f.pts_seconds <= 7.4 else 0.5, True) for f in steady(4, 0.5)]
    people = [
        person_with(1, "genuine", 0.12, first),
        person_with(4, "fake", 0.93, second, segments=(Segment(2.1, 7.4, 0.97),)),
        person_with(7, "undecided", 0.31, third, reasons=("near_threshold",)),
    ]
    return verdict_on("fake", people, first + second + third, warnings=("variable_rate",))


def make_no_face() -> Verdict:
    return verdict_on("undecided", [], [], reasons=("no_face",), video=replace(VIDEO, frames_judged=0))


def make_unreadable() -> Verdict:
    return verdict_on(
        "undecided",
        [],
        [],
        source="gone.mp4",
        sha256=None,
        coverage="none",
        reasons=("not_found",),
        video=VideoFacts(),
        detail="gone.mp4: no such file; check the path",
    )


def make_partial_fake() -> Verdict:
    faces = steady(1, 0.9)
    people = [person_with(1, "fake", 0.9, faces)]
    facts = replace(VIDEO, frames_promised=330, decode_errors=12)
    return verdict_on("fake", people, faces, coverage="partial", reasons=("truncated",), video=facts)


def make_still() -> Verdict:
    faces = [face(1, 0.0, 0.88, True)]
    facts = VideoFacts(0.0, (2000, 3000), 0.0, "mjpeg", "opencv", True, 1, 1, 1, 1, 0)
    return verdict_on("fake", [person_with(1, "fake", 0.88, faces, interval=None)], faces, interval=None, video=facts)


def make_every_frame() -> Verdict:
    """3,000 judged frames of two people."""
    first = [face(1, i / 25, 0.5 + 0.4 * math.sin(i / 40), False) for i in range(3000)]
    second = [face(2, i / 25, 0.1, False) for i in range(2200)]
    facts = replace(VIDEO, duration_seconds=120.0, frames_decoded=3000, frames_sampled=3000, frames_judged=3000)
    people = [person_with(1, "undecided", 0.5, first, reasons=("near_threshold",)), person_with(2, "genuine", 0.1, second)]
    return verdict_on("undecided", people, first + second, reasons=("near_threshold",), video=facts)


def make_passer_by() -> Verdict:
    judged = steady(1, 0.08)
    passer_by = TrackVerdict(2, "undecided", None, None, 1.0, 1.5, 3, 0, 18.0, (), ("too_small",))
    return verdict_on("genuine", [person_with(1, "genuine", 0.08, judged), passer_by], judged)


KINDS: dict[str, Callable[[], Verdict]] = {
    "genuine": make_genuine,
    "three_people": make_three_people,
    "no_face": make_no_face,
    "unreadable": make_unreadable,
    "partial_fake": make_partial_fake,
    "still": make_still,
    "every_frame": make_every_frame,
    "passer_by": make_passer_by,
}


@pytest.fixture(scope="session")
def verdicts() -> dict[str, Verdict]:
    """A verdict of every kind, by name."""
    return {name: make() for name, make in KINDS.items()}


@pytest.fixture(params=list(KINDS), scope="session")
def verdict(request: pytest.FixtureRequest, verdicts: dict[str, Verdict]) -> Verdict:
    """Each kind of verdict in turn."""
    return verdicts[request.param]
