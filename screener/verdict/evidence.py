"""Keeps the few most telling crops of each person for the report, reduced in size, with a map of where they look blended and, for the most
telling one, its frame.

All other pixels are dropped at scoring. Knows scores and pixels. Does not know how a report shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.records import FaceScore, Scene

THUMBNAIL_PX = 160
MOST_PEOPLE = 40
"""Number of people whose crops are kept; beyond it, the person with the fewest judged frames loses theirs, so that memory is bounded."""


@dataclass(frozen=True, eq=False)
class _Kept:
    p_fake: float
    frame_index: int
    thumbnail_rgb: NDArray[np.uint8]
    blend_map: NDArray[np.float32] | None
    scene: Scene | None


class TellingCrops:
    """Keeps the `most` crops with the highest `p_fake` of each person; at equal score the earlier one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, list[_Kept]] = {}
        self._judged: dict[int, int] = {}

    def offer(
        self, score: FaceScore, crop_rgb: NDArray[np.uint8], blend_map: NDArray[np.float32] | None = None, scene: Scene | None = None
    ) -> None:
        """Consider one judged crop (S, S, 3), its map (h, w) and its frame, if there are any."""
        if not self._most:
            return
        self._judged[score.track_id] = self._judged.get(score.track_id, 0) + 1
        kept = self._kept.get(score.track_id, [])
        if len(kept) == self._most and kept[-1].p_fake >= score.p_fake:
            return
        side = min(THUMBNAIL_PX, crop_rgb.shape[0])
        small = np.asarray(cv2.resize(crop_rgb, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        # A copy: a slice would keep the maps of the whole batch alive.
        copied = None if blend_map is None else blend_map.copy()
        self._keep(score.track_id, _Kept(score.p_fake, score.frame_index, small, copied, scene))

    def _keep(self, track_id: int, entry: _Kept) -> None:
        kept = self._kept.setdefault(track_id, [])
        kept.append(entry)
        kept.sort(key=lambda entry: (-entry.p_fake, entry.frame_index))
        del kept[self._most :]
        kept[1:] = [replace(other, scene=None) if other.scene else other for other in kept[1:]]
        if len(self._kept) > MOST_PEOPLE:
            del self._kept[min(self._kept, key=lambda track_id: (self._judged.get(track_id, 0), -track_id))]

    def by_person(self, track_ids: Mapping[tuple[int, int], int], most: int) -> TellingCrops:
        """The same crops under other track ids, the `most` highest of each. track_ids: (track id here, frame index) -> track id there."""
        named = TellingCrops(most)
        for track_id, entries in self._kept.items():
            for entry in entries:
                named._keep(track_ids[track_id, entry.frame_index], entry)
        return named

    def scene(self, track_id: int) -> Scene | None:
        """The frame in which a person scored highest, if it was kept."""
        kept = self._kept.get(track_id)
        return kept[0].scene if kept else None

    def attach(self, scores: Sequence[FaceScore], is_fake: Callable[[FaceScore], bool] = lambda score: False) -> tuple[FaceScore, ...]:
        """The scores in order, with the kept crops attached; a map is attached only if `is_fake` holds for the face."""
        kept = {(track_id, entry.frame_index): entry for track_id, entries in self._kept.items() for entry in entries}

        def attached(score: FaceScore) -> FaceScore:
            entry = kept.get((score.track_id, score.frame_index))
            if entry is None:
                return score
            return replace(score, thumbnail_rgb=entry.thumbnail_rgb, blend_map=entry.blend_map if is_fake(score) else None)

        return tuple(attached(score) for score in scores)
