"""The output of a live watch: `LiveUpdate` records, with the people in view, the events and the state.

Frozen records of numpy arrays and plain values, checked at construction, which raises ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener import record_checks as check
from screener.errors import REASONS
from screener.records import OUTCOMES, FaceScore, TrackVerdict

STATES = ("opening", "live", "frozen", "stale", "lost", "ended")
"""opening: no frame yet. live: frames arrive and change. frozen: they arrive and are all the same. stale: none arrived for a while. lost:
the connection is lost and being retried. ended: the watch is over.
"""

EVENTS = ("start", "person", "alarm", "cleared", "lost", "reconnected", "stale", "heartbeat", "summary")


@dataclass(frozen=True, eq=False)
class LivePerson:
    """One person in view, as judged over the rolling window.

    verdict: over the window; `outcome` is the steady one, after hysteresis. p_fake, interval: None until there is enough evidence.
    box_xyxy: (4,) float32, pixels of the update's full-size frame; None while the person is out of sight.
    history: (n, 2) float64, seconds since start and p_fake of the last minute, at most one point a second.
    alarmed: whether an alarm is on for this person.
    """

    verdict: TrackVerdict
    box_xyxy: NDArray[np.float32] | None
    history: NDArray[np.float64]
    alarmed: bool = False

    def __post_init__(self) -> None:
        if self.box_xyxy is not None:
            check.floats(self, "box_xyxy", (4,))
        check.floats(self, "history", (None, 2), np.float64)


@dataclass(frozen=True)
class LiveEvent:
    """Something that happened. kind: one of EVENTS. seconds: since the start of the watch. time: ISO 8601 with time zone.

    details: plain values, ready for JSON; `person`, `alarm` and `cleared` carry the fields of a person, `summary` those of a whole input.
    """

    kind: str
    seconds: float
    time: str
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check.one_of(self, "kind", EVENTS)
        check.finite(self, "seconds")

    def to_dict(self) -> dict[str, Any]:
        """The event as its JSON object."""
        return {"event": self.kind, "seconds": round(self.seconds, 3), "time": self.time, **self.details}


@dataclass(frozen=True)
class LiveStats:
    """Counts since the start of the watch, and rates over its last seconds.

    frames_received: delivered by the source. frames_dropped: of those, replaced by newer ones before they were judged.
    frames_judged: frames in which at least one face was scored. received_fps, judged_fps: over the last seconds.
    delay_median_seconds, delay_p95_seconds: from a frame's capture to its verdict, over the last minute; None before the first.
    segments: number of successful connections, at least 1 once a frame arrived.
    source_fps: as stated by the source, 0 if unknown.
    """

    frames_received: int = 0
    frames_dropped: int = 0
    frames_judged: int = 0
    received_fps: float = 0.0
    judged_fps: float = 0.0
    delay_median_seconds: float | None = None
    delay_p95_seconds: float | None = None
    segments: int = 0
    source_fps: float = 0.0

    def __post_init__(self) -> None:
        check.not_negative(self, *(one.name for one in fields(self) if getattr(self, one.name) is not None))


@dataclass(frozen=True, eq=False)
class LiveUpdate:
    """The state of a watch at one moment.

    state: one of STATES. message: why, in words, if it is not `live`; empty otherwise.
    outcome, reasons: of the whole picture, from the people in view; `undecided` without people, and always while the state is not `live`.
    people: in view or in the window; empty while the state is not `live`.
    picture_rgb: (H, W, 3) uint8, the newest frame, for drawing only; None before the first, while lost, and if none were asked for.
    events: what happened since the previous update. retry_seconds: until the next attempt to connect, while lost.
    scores: of the faces judged since the previous update; frame_index counts the frames of the segment from 0.
    crops_rgb: track_id of each alarm among `events` -> the most telling face crops of the window, each (S, S, 3) uint8, highest score
    first.
    """

    seconds: float
    time: str
    state: str
    outcome: str
    reasons: tuple[str, ...]
    people: tuple[LivePerson, ...]
    stats: LiveStats
    threshold: float
    message: str = ""
    events: tuple[LiveEvent, ...] = ()
    picture_rgb: NDArray[np.uint8] | None = None
    retry_seconds: float | None = None
    scores: tuple[FaceScore, ...] = ()
    crops_rgb: dict[int, tuple[NDArray[np.uint8], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check.finite(self, "seconds")
        check.one_of(self, "state", STATES)
        check.one_of(self, "outcome", OUTCOMES)
        check.all_of(self, "reasons", REASONS)
        check.probability(self, "threshold")
        if self.picture_rgb is not None:
            check.picture(self, "picture_rgb")
