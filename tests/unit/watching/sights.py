"""Sights for tests: one face in one frame."""

from __future__ import annotations

import numpy as np
from builders import box, face_score

from screener.watching.looking import Sight


def sight(seconds: float, p_fake: float | None, track_id: int = 1, flaw: str = "too_small") -> Sight:
    """A judged face, or with p_fake None one with a flaw."""
    face = box()
    if p_fake is None:
        return Sight(track_id, face.box_xyxy, face.size_px, flaw)
    score = face_score(p_fake, round(seconds * 30), track_id=track_id, pts_seconds=seconds)
    return Sight(track_id, face.box_xyxy, face.size_px, score=score, crop_rgb=np.full((8, 8, 3), round(p_fake * 255), np.uint8))
