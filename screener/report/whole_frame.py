"""The most suspicious frame, as a page shows it: a picture with numbered boxes around the judged faces.

Knows verdicts. Does not know HTML.
"""

from __future__ import annotations

from dataclasses import dataclass

from screener.records import Verdict
from screener.report.thumbnails import data_uri
from screener.report.wording import clock, numbered

LABELS_ACROSS = 26
"""Longer side of the frame divided by the height of a number drawn on it."""


@dataclass(frozen=True)
class BoxInScene:
    """A face box, in pixels of the frame. label_up: whether its number is drawn above the box, if there is room."""

    number: int
    outcome: str
    x: float
    y: float
    width: float
    height: float
    label_up: bool


@dataclass(frozen=True)
class WholeFrame:
    """The frame in which the most suspicious person scored highest. label_px: height of the numbers on it, pixels of the frame."""

    uri: str
    size_wh: tuple[int, int]
    when: str
    boxes: tuple[BoxInScene, ...]
    label_px: float


def whole_frame(verdict: Verdict) -> WholeFrame | None:
    """The verdict's kept frame with a box for each judged face in it; None if no frame was kept."""
    scene = verdict.scene
    if scene is None:
        return None
    people = {person.track_id: (number, person) for number, person in numbered(verdict)}
    label_px = max(scene.size_wh) / LABELS_ACROSS
    boxes = []
    for face in verdict.frames:
        if face.frame_index == scene.frame_index and face.track_id in people:
            (number, person), (x0, y0, x1, y1) = people[face.track_id], (float(v) for v in face.box_xyxy)
            boxes.append(BoxInScene(number, person.outcome, x0, y0, x1 - x0, y1 - y0, y0 > 1.4 * label_px))
    when = "" if verdict.video.is_still else clock(scene.pts_seconds)
    return WholeFrame(data_uri(scene.picture_rgb, max(scene.picture_rgb.shape)), scene.size_wh, when, tuple(boxes), label_px)
