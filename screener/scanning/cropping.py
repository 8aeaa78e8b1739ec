"""Frames in, face crops worth scoring out, each with its person; every face is counted as seen.

Combines the detector, the tracker and the cropping. Finding and cropping work in any order of time; tracking does not. Does not know scores
or files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat, takewhile

import cv2
import numpy as np

from screener.faces import FaceDetector
from screener.model.preprocessing import Preprocessing, crop_face, sharpness
from screener.record_stress import ChangedCrop
from screener.records import FaceBox, FaceCrop, Frame, Scene
from screener.runtime.side_by_side import side_by_side
from screener.scanning.searching import Searching
from screener.tracking.tracker import Observation, Tracker, observe
from screener.verdict.judging import Sighting

SCENE_PX = 640
"""Longer side of the small copy of a frame that a report shows."""


@dataclass(frozen=True, eq=False)
class Glance:
    """What is kept of one frame after finding its faces: no pixels.

    faces: (shorter side in pixels, result) of each face, in the detector's order; the result is `crop`, `too_small` or `too_blurred`.
    """

    frame_index: int
    pts_seconds: float
    observation: Observation
    faces: tuple[tuple[float, str], ...]


Glances = list[tuple[Glance, list[FaceCrop]]]
"""Several frames, each with its crops."""


class Following:
    """Tracks people through the glances of one video, in order of time. sightings: what was seen of each person, by track id."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self.sightings: dict[int, Sighting] = {}

    def place(self, glance: Glance) -> list[int]:
        """The track id of each face of the next glance."""
        tracks = self._tracker.follow(glance.observation)
        for track_id, (size_px, fate) in zip(tracks, glance.faces, strict=True):
            seen = self.sightings.setdefault(track_id, Sighting(track_id, glance.pts_seconds, glance.pts_seconds, 0, []))
            seen.last_seconds = glance.pts_seconds
            seen.frames_seen += 1
            seen.face_px.append(size_px)
            seen.too_small += fate == "too_small"
            seen.too_blurred += fate == "too_blurred"
        return tracks


class Cropper:
    """Finds and crops the faces of one video."""

    def __init__(
        self,
        detector: FaceDetector,
        contract: Preprocessing,
        min_face_px: int,
        min_sharpness: float,
        detect_every: int = 1,
        keeps_scenes: bool = False,
        changes: Callable[[Frame, FaceBox], tuple[ChangedCrop, ...]] | None = None,
    ) -> None:
        """min_face_px, min_sharpness: a face below either is counted and not cropped. detect_every: see `Searching`. keeps_scenes: whether
        crops carry a small copy of their frame. changes: makes the changed crops of a stress test.
        """
        self._search, self._contract = Searching(detector, detect_every), contract
        self._min_face_px, self._min_sharpness = min_face_px, min_sharpness
        self._keeps_scenes, self._changes = keeps_scenes, changes
        self._following = Following()

    @property
    def sightings(self) -> dict[int, Sighting]:
        """What was seen of each person so far, by track id; valid if frames came in order of time."""
        return self._following.sightings

    def crops(self, frames: Sequence[Frame]) -> list[list[FaceCrop]]:
        """The crops of each frame; the frames follow those of the previous call in time."""
        return self.followed(self.glances(frames))

    def followed(self, glances: Glances) -> list[list[FaceCrop]]:
        """The crops of glances, each with its person; the glances follow those of the previous call in time."""
        followed = []
        for glance, crops in glances:
            tracks = self._following.place(glance)
            followed.append([replace(crop, track_id=tracks[crop.track_id]) for crop in crops])
        return followed

    def glances(self, frames: Sequence[Frame]) -> Glances:
        """The glance and crops of each frame of a group, which `Searching` searches by itself; groups may come in any order, and in several
        threads at once. The crops' `track_id` is the index of the face in the glance, from 0.
        """
        return [self._glance(frame, boxes) for frame, boxes in zip(frames, self._search.faces(frames), strict=True)]

    def _glance(self, frame: Frame, boxes: list[FaceBox]) -> tuple[Glance, list[FaceCrop]]:
        fates, crops = [], []
        for place, box in enumerate(boxes):
            fate, crop = self._cut(frame, box, place)
            fates.append((box.size_px, fate))
            crops += [crop] if crop else []
        if crops and self._keeps_scenes:
            scene = _scene(frame)
            crops = [replace(crop, scene=scene) for crop in crops]
        return Glance(frame.index, frame.pts_seconds, observe(frame, boxes), tuple(fates)), crops

    def _cut(self, frame: Frame, box: FaceBox, place: int) -> tuple[str, FaceCrop | None]:
        if box.size_px < self._min_face_px:
            return "too_small", None
        picture = crop_face(frame.picture_rgb, box.box_xyxy, self._contract)
        sharp = sharpness(picture)
        if sharp < self._min_sharpness:
            return "too_blurred", None
        changed = () if self._changes is None else self._changes(frame, box)
        return "crop", FaceCrop(picture, box, frame.index, frame.pts_seconds, place, sharp, changed=changed)


def _scene(frame: Frame) -> Scene:
    width, height = frame.size_wh
    scale = min(1.0, SCENE_PX / max(width, height))
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(frame.picture_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return Scene(small, frame.size_wh, frame.index, frame.pts_seconds)


def glances_of(
    cropper: Cropper, frames: Iterator[Frame], at_once: int, threads: int, prepare: Callable[[], None]
) -> Generator[tuple[Glances, float]]:
    """`Cropper.glances` for groups of `at_once` frames, in order, and the seconds each took.

    The first group has one frame, so that the first faces are there at once.

    threads: how many groups are processed at once. prepare: called first in each thread.
    """

    def look(group: list[Frame]) -> tuple[Glances, float]:
        started = time.perf_counter()
        return cropper.glances(group), time.perf_counter() - started

    return side_by_side(look, groups_of(frames, at_once), threads, prepare)


def groups_of(frames: Iterator[Frame], at_once: int) -> Iterator[list[Frame]]:
    """One frame, then `at_once` at a time."""
    return takewhile(bool, (list(islice(frames, size)) for size in chain([1], repeat(at_once))))
