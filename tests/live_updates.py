"""Constructed updates of a live watch: everything has a default, so that a test sets only what it is about."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import numpy as np
from builders import person

from screener.records import Verdict
from screener.watching.records import LiveEvent, LivePerson, LiveStats, LiveUpdate

TIME = "2026-11-22T16:12:03.400+00:00"
NOW_SECONDS = 113.4
THRESHOLD = 0.61
STATS = LiveStats(3411, 1204, 1102, 29.8, 9.6, 0.21, 0.44, 1, 30.0)


def history(p_fake: float, now_seconds: float = NOW_SECONDS, points: int = 60) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A score a second up to now."""
    return np.stack([now_seconds - np.arange(points)[::-1], np.full(points, p_fake)], 1)


def seen(
    track_id: int = 1, outcome: str = "fake", p_fake: float | None = 0.93, box_xyxy: Any = (40.0, 30.0, 90.0, 100.0), **changes: Any
) -> LivePerson:
    """A person in view, judged over ten seconds."""
    fields = {"first_seconds": NOW_SECONDS - 9.8, "last_seconds": NOW_SECONDS, "frames_judged": 96, **changes}
    verdict = person(outcome, p_fake, track_id=track_id, **fields)
    box = None if box_xyxy is None else np.array(box_xyxy, np.float32)
    points = np.zeros((0, 2)) if p_fake is None else history(p_fake)
    return LivePerson(verdict, box, points, outcome == "fake")


def update(state: str = "live", *people: LivePerson, **changes: Any) -> LiveUpdate:
    outcomes = {p.verdict.outcome for p in people}
    outcome = "fake" if "fake" in outcomes else "genuine" if outcomes == {"genuine"} else "undecided"
    fields: dict[str, Any] = {
        "seconds": NOW_SECONDS,
        "time": TIME,
        "state": state,
        "outcome": outcome if state == "live" else "undecided",
        "reasons": (),
        "people": people,
        "stats": STATS,
        "threshold": THRESHOLD,
    }
    return LiveUpdate(**{**fields, **changes})


def event(kind: str, seconds: float = 41.2, **details: Any) -> LiveEvent:
    return LiveEvent(kind, seconds, TIME, details)


def person_event(kind: str = "alarm", outcome: str = "fake", p_fake: float | None = 0.93, **changes: Any) -> LiveEvent:
    return event(kind, **person(outcome, p_fake, **changes).to_dict())


def summary_event(whole: Verdict) -> LiveEvent:
    return event("summary", 120.0, **whole.to_dict())


def live_schema() -> dict[str, Any]:
    """The JSON Schema of one event, which ships with the package."""
    schema: dict[str, Any] = json.loads(resources.files("screener.watching").joinpath("live_schema.json").read_text(encoding="utf-8"))
    return schema
