"""Records of a live watch are checked at construction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import person

from screener.watching.records import EVENTS, STATES, LiveEvent, LivePerson, LiveStats, LiveUpdate

NAN = float("nan")
PERSON = LivePerson(person("fake"), np.zeros(4, np.float32), np.zeros((3, 2)))
EVENT = LiveEvent("start", 0.0, "2026-01-01T00:00:00+00:00")
UPDATE = LiveUpdate(1.0, "2026-01-01T00:00:00+00:00", "live", "undecided", (), (), LiveStats(), 0.6)


@pytest.mark.parametrize(
    ("sound", "field", "values"),
    [
        (PERSON, "box_xyxy", [np.zeros(4), np.full(4, NAN, np.float32), np.zeros(3, np.float32)]),
        (PERSON, "history", [np.zeros((3, 3)), np.zeros((3, 2), np.float32), np.array([[0, NAN]])]),
        (EVENT, "kind", ["begin", ""]),
        (EVENT, "seconds", [NAN]),
        (LiveStats(), "frames_received", [-1]),
        (LiveStats(), "received_fps", [NAN]),
        (LiveStats(), "delay_median_seconds", [-0.1]),
        (LiveStats(), "delay_p95_seconds", [float("inf")]),
        (UPDATE, "seconds", [NAN]),
        (UPDATE, "state", ["running"]),
        (UPDATE, "outcome", ["real"]),
        (UPDATE, "reasons", [("because",)]),
        (UPDATE, "threshold", [NAN, 2.0]),
        (UPDATE, "picture_rgb", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)]),
    ],
)
def test_a_record_refuses_what_its_field_does_not_promise(sound: Any, field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=rf"^{type(sound).__name__}\.{field}: expected .*, got "):
            replace(sound, **{field: value})


def test_what_a_record_may_lack() -> None:
    assert replace(PERSON, box_xyxy=None, history=np.zeros((0, 2))).box_xyxy is None
    assert replace(UPDATE, picture_rgb=None).picture_rgb is None
    assert LiveStats(delay_median_seconds=0.0, delay_p95_seconds=None).delay_p95_seconds is None
    assert [replace(EVENT, kind=kind).kind for kind in EVENTS] == list(EVENTS)
    assert [replace(UPDATE, state=state).state for state in STATES] == list(STATES)
