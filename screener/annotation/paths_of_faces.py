"""The position of each person's face at any time, from the frames in which it was judged. Pure.

Boxes are interpolated linearly between judged frames that are close in time, and never extrapolated further, because those frames were
not examined.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from screener.annotation.people import Shown
from screener.records import FaceScore, Verdict
from screener.report.wording import numbered

LONGEST_SECONDS = 1.0
"""Judged frames of a person that are further apart are not interpolated."""

ALONE_SECONDS = 0.25
"""How long a box is shown before and after a judged frame without a close neighbour."""


class PathsOfFaces:
    """The face boxes of a verdict's people at any time of its video."""

    def __init__(self, verdict: Verdict) -> None:
        self._people = {person.track_id: (number, person) for number, person in numbered(verdict)}
        self._faces: dict[int, list[FaceScore]] = {}
        for face in sorted(verdict.frames, key=lambda face: face.pts_seconds):
            self._faces.setdefault(face.track_id, []).append(face)
        self._is_still = verdict.video.is_still

    def at(self, seconds: float) -> list[Shown]:
        """Everyone whose face position is known at a time, with their outcome and score over the whole video."""
        shown = []
        for track_id, faces in self._faces.items():
            box = faces[0].box_xyxy if self._is_still else _box_at(faces, seconds)
            if box is not None and track_id in self._people:
                number, person = self._people[track_id]
                shown.append(Shown(number, person.outcome, person.p_fake, box, person.reasons))
        return shown


def _box_at(faces: Sequence[FaceScore], seconds: float) -> NDArray[np.float32] | None:
    place = bisect_right(faces, seconds + 1e-6, key=lambda face: face.pts_seconds)
    before, after = faces[place - 1] if place else None, faces[place] if place < len(faces) else None
    if before is not None and after is not None and after.pts_seconds - before.pts_seconds <= LONGEST_SECONDS:
        share = (seconds - before.pts_seconds) / (after.pts_seconds - before.pts_seconds)
        return np.asarray(before.box_xyxy + share * (after.box_xyxy - before.box_xyxy), np.float32)
    near = [face for face in (before, after) if face is not None and abs(face.pts_seconds - seconds) <= ALONE_SECONDS]
    return min(near, key=lambda face: abs(face.pts_seconds - seconds)).box_xyxy if near else None
