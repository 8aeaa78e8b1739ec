"""The few most telling crops of each person, kept small, while all other pixels die at scoring.

Knows scores and pixels. Does not know how a report shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.records import FaceScore

THUMBNAIL_PX = 160
MOST_PEOPLE = 40
"""People whose crops are kept; beyond that the person with the fewest judged frames gives theirs up, so that memory stays flat."""


class TellingCrops:
    """Keeps the `most` crops with the highest `p_fake` of each person; at equal score the earlier one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, list[tuple[float, int, NDArray[np.uint8]]]] = {}
        self._judged: dict[int, int] = {}

    def offer(self, score: FaceScore, crop_rgb: NDArray[np.uint8]) -> None:
        """Consider one judged crop (S, S, 3)."""
        if not self._most:
            return
        self._judged[score.track_id] = self._judged.get(score.track_id, 0) + 1
        kept = self._kept.setdefault(score.track_id, [])
        if len(kept) == self._most and kept[-1][0] >= score.p_fake:
            return
        side = min(THUMBNAIL_PX, crop_rgb.shape[0])
        small = np.asarray(cv2.resize(crop_rgb, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        kept.append((score.p_fake, score.frame_index, small))
        kept.sort(key=lambda entry: (-entry[0], entry[1]))
        del kept[self._most :]
        if len(self._kept) > MOST_PEOPLE:
            del self._kept[min(self._kept, key=lambda track_id: (self._judged[track_id], -track_id))]

    def attach(self, scores: Sequence[FaceScore]) -> tuple[FaceScore, ...]:
        """The scores in order, those with a kept crop carrying it."""
        pictures = {(track_id, index): picture for track_id, kept in self._kept.items() for _, index, picture in kept}
        return tuple(
            replace(score, thumbnail_rgb=pictures[score.track_id, score.frame_index])
            if (score.track_id, score.frame_index) in pictures
            else score
            for score in scores
        )
