"""Boxes of successive sampled frames in, people out: every box gets a `track_id`.

Knows frames, boxes and times, not identities, scores or verdicts. It sees only the sampled frames, which may be 0.04 or 100 seconds apart.
One rule governs everything: two people must never share a track, even if one person is then split over two tracks. So position counts only
for a moment and within one shot; otherwise appearance has to be close, and if a box fits two people who were seen side by side, it begins a
new track.

Assignment by the Hungarian method (Kuhn and Munkres), with `scipy.optimize.linear_sum_assignment`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from screener.errors import SettingsError
from screener.records import FaceBox, Frame
from screener.tracking.appearance import Appearance, Scene, appearance_distance, describe_face, describe_scene, scene_distance
from screener.tracking.boxes import as_boxes, centre_distances, iou_matrix, size_differences

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class TrackerSettings:
    """When two boxes are the same person. Distances of appearance are those of `appearance_distance`; those of two people are mostly above
    0.8.

    cut_appearance_limit: largest distance of one person across a cut.
    appearance_limit: the same within one shot when position gives no evidence, such as after a long time.
    near_appearance_limit: the same for a face at its position of a moment ago.
    drift_limit: largest median distance from all remembered views of a person; stops a track from drifting from one face to another.
    doubt_margin: if a box or a track fits two people, it must fit one of them better by this much.
    position_seconds: time in which trust in position falls to 1/e. reach_sizes: distance, in face sizes, from which position gives no
    evidence.
    position_weight: cost, in units of appearance, of a distance of one reach or of a doubled size, while position is fully trusted.
    still_limit: `scene_distance` between successive samples below which the camera stands still: a face at its position in the sample
    before may then look more different, however long ago that was. still_trust: how much position is trusted for that, at most.
    cut_limit: `scene_distance` between successive samples from which they belong to different shots.
    dissolve_seconds, dissolve_limit: how far back the picture is compared as well, and the distance from which that is a gradual
    transition.
    exemplars: number of remembered views per person. novelty: how different a view must be to be remembered.
    max_tracks: number of remembered people; the one unseen for longest is forgotten first.
    """

    cut_appearance_limit: float = 0.45
    appearance_limit: float = 0.60
    near_appearance_limit: float = 0.95
    drift_limit: float = 1.10
    doubt_margin: float = 0.15
    position_seconds: float = 2.0
    reach_sizes: float = 1.5
    position_weight: float = 0.25
    still_limit: float = 0.20
    still_trust: float = 0.50
    cut_limit: float = 0.40
    dissolve_seconds: float = 1.5
    dissolve_limit: float = 0.50
    exemplars: int = 8
    novelty: float = 0.15
    max_tracks: int = 64

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise SettingsError(f"{item.name}: expected a number above 0, got {value!r}")
            if item.type == "int" and not isinstance(value, int):
                raise SettingsError(f"{item.name}: expected a whole number above 0, got {value!r}")
        limits = (self.cut_appearance_limit, self.appearance_limit, self.near_appearance_limit)
        if list(limits) != sorted(limits):
            raise SettingsError(
                f"cut_appearance_limit, appearance_limit, near_appearance_limit: expected rising numbers, got {', '.join(map(str, limits))}"
            )


APART_SIZES = 0.5
"""If the centres of two boxes of one frame are farther apart than this, in face sizes, they are two people and not one face found twice."""

OVERLAP_IOU = 0.1
"""Boxes that overlap this much show parts of two people, so their appearance is not learnt."""

REMEMBERED_SCENES = 64
REMEMBERED_CUTS = 4096
"""Keeps memory bounded for endless streams."""


@dataclass(eq=False)
class _Track:
    """What is remembered of one person. met: ids of the people seen in the same frame as this one, who are certainly different."""

    track_id: int
    box_xyxy: Float64
    seen_seconds: float
    shot: int
    exemplars: list[Appearance]
    met: set[int] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Observation:
    """What tracking needs from one sampled frame: a few kilobytes, without its pixels.

    boxes_xyxy: (n, 4) float64, pixels of the frame. appearances: of each box, in the same order.
    """

    pts_seconds: float
    scene: Scene
    boxes_xyxy: Float64
    appearances: tuple[Appearance, ...]


def observe(frame: Frame, boxes: Sequence[FaceBox]) -> Observation:
    """Describe one sampled frame and the faces in it."""
    boxes_xyxy = as_boxes(np.stack([box.box_xyxy for box in boxes])) if boxes else np.zeros((0, 4))
    appearances = tuple(describe_face(frame.picture_rgb, box) for box in boxes)
    return Observation(frame.pts_seconds, describe_scene(frame.picture_rgb), boxes_xyxy, appearances)


class Tracker:
    """Follows people through the samples of one video, in order of time."""

    def __init__(self, settings: TrackerSettings = TrackerSettings()) -> None:
        self._settings = settings
        self._tracks: list[_Track] = []  # unseen for longest first
        self._next_id = 1
        self._shot = 0
        self._scenes: deque[tuple[float, Scene]] = deque(maxlen=REMEMBERED_SCENES)
        self._cuts: deque[float] = deque(maxlen=REMEMBERED_CUTS)
        self._stillness = 0.0
        self._seen_before: set[int] = set()

    @property
    def cuts(self) -> tuple[float, ...]:
        """Times, in seconds, of the first samples after each detected change of shot."""
        return tuple(self._cuts)

    def update(self, frame: Frame, boxes: Sequence[FaceBox]) -> list[int]:
        """The track id of each box, in the order of `boxes`. Call it for every sampled frame, also for those without a face.

        New ids count up from 1, from left to right within a frame.
        """
        return self.follow(observe(frame, boxes))

    def follow(self, seen_now: Observation) -> list[int]:
        """Like `update`, from an earlier observation: frames that were processed in another order can be tracked in order of time."""
        self._notice_cut(seen_now.pts_seconds, seen_now.scene)
        boxes_xyxy, appearances = seen_now.boxes_xyxy, seen_now.appearances
        if not len(boxes_xyxy):
            self._seen_before = set()
            return []
        overlaps = iou_matrix(boxes_xyxy, boxes_xyxy) - np.eye(len(boxes_xyxy))
        people = self._match(seen_now.pts_seconds, boxes_xyxy, appearances)
        for j in sorted(range(len(boxes_xyxy)), key=lambda j: float(boxes_xyxy[j, 0] + boxes_xyxy[j, 2])):
            if j not in people:
                people[j] = self._begin(appearances[j])
            elif overlaps[j].max() <= OVERLAP_IOU:
                self._learn(people[j], appearances[j])
            people[j].box_xyxy, people[j].seen_seconds, people[j].shot = boxes_xyxy[j], seen_now.pts_seconds, self._shot
        seen = [people[j] for j in range(len(boxes_xyxy))]
        self._introduce(seen)
        self._forget(seen)
        ids = [track.track_id for track in seen]
        self._seen_before = set(ids)
        return ids

    def _notice_cut(self, pts_seconds: float, scene: Scene) -> None:
        """Compare with the previous sample, and with one a little earlier, which shows a dissolve."""
        settings = self._settings
        change = scene_distance(self._scenes[-1][1], scene) if self._scenes else math.inf
        self._stillness = max(0.0, 1.0 - change / settings.still_limit)
        while len(self._scenes) > 1 and pts_seconds - self._scenes[0][0] > settings.dissolve_seconds:
            self._scenes.popleft()
        if self._scenes and (change > settings.cut_limit or scene_distance(self._scenes[0][1], scene) > settings.dissolve_limit):
            self._shot += 1
            self._cuts.append(pts_seconds)
            self._scenes.clear()
        self._scenes.append((pts_seconds, scene))

    def _match(self, seconds: float, boxes_xyxy: Float64, appearances: Sequence[Appearance]) -> dict[int, _Track]:
        """Index of each box that is surely a remembered person -> that person."""
        if not self._tracks:
            return {}
        gains = self._gains(seconds, boxes_xyxy, appearances)
        rows, columns = best_pairs(np.clip(gains, 0, None))
        apart = centre_distances(boxes_xyxy, boxes_xyxy) > APART_SIZES
        return {
            int(j): self._tracks[i]
            for i, j in zip(rows, columns, strict=True)
            if gains[i, j] > 0 and not self._is_doubtful(gains, int(i), int(j), apart)
        }

    def _gains(self, seconds: float, boxes_xyxy: Float64, appearances: Sequence[Appearance]) -> Float64:
        """(tracks, boxes): how far the cost of each pair is below its limit; negative if the two cannot be one person."""
        settings = self._settings
        tracks_xyxy = np.stack([track.box_xyxy for track in self._tracks])
        trust = np.array([[self._trust(track, seconds)] for track in self._tracks])
        reach = centre_distances(tracks_xyxy, boxes_xyxy) / settings.reach_sizes
        apart = np.minimum(reach, 2.0) + size_differences(tracks_xyxy, boxes_xyxy)
        views = [[[appearance_distance(view, seen) for view in track.exemplars] for seen in appearances] for track in self._tracks]
        looks = np.array([[min(distances) for distances in row] for row in views])
        drift = np.array([[np.median(distances) for distances in row] for row in views])
        stayed = np.array([[self._has_stayed(track)] for track in self._tracks])
        nearness = np.maximum(trust * np.clip(1.0 - reach, 0, 1), stayed * np.clip(1.0 - apart, 0, 1))
        same_shot = np.array([[track.shot == self._shot] for track in self._tracks])
        limits = np.where(same_shot, settings.appearance_limit, settings.cut_appearance_limit)
        limits = limits + (settings.near_appearance_limit - settings.appearance_limit) * nearness
        gains = limits - looks - settings.position_weight * trust * apart
        return np.asarray(np.where(drift > settings.drift_limit, -np.inf, gains), np.float64)

    def _trust(self, track: _Track, seconds: float) -> float:
        """How much the last position counts, in [0, 1]; 0 after a cut."""
        elapsed = abs(seconds - track.seen_seconds)
        return math.exp(-elapsed / self._settings.position_seconds) if track.shot == self._shot and math.isfinite(elapsed) else 0.0

    def _has_stayed(self, track: _Track) -> float:
        """How likely a person of the previous sample is still in the same place, in [0, 1], however long ago that sample was.

        Samples may be a minute apart; where nothing else in the picture has changed, people seldom have.
        """
        seen_last = track.shot == self._shot and track.track_id in self._seen_before
        return self._settings.still_trust * self._stillness if seen_last else 0.0

    def _is_doubtful(self, gains: Float64, i: int, j: int, apart: NDArray[np.bool_]) -> bool:
        """Whether the box fits another person, or the person another box, about as well; only alternatives that are certainly different
        count.
        """
        enough = gains[i, j] - self._settings.doubt_margin
        other_people = any(gains[k, j] > enough for k, track in enumerate(self._tracks) if track.track_id in self._tracks[i].met)
        return other_people or bool((gains[i, apart[j]] > enough).any())

    def _begin(self, appearance: Appearance) -> _Track:
        track = _Track(self._next_id, np.zeros(4), 0.0, self._shot, [appearance])
        self._next_id += 1
        self._tracks.append(track)
        return track

    def _learn(self, track: _Track, appearance: Appearance) -> None:
        """Remember a new view; if there are too many, forget one of the two most similar."""
        distances = [appearance_distance(known, appearance) for known in track.exemplars]
        if min(distances) <= self._settings.novelty:
            return
        track.exemplars.append(appearance)
        if len(track.exemplars) > self._settings.exemplars:
            nearest = [min(appearance_distance(a, b) for b in track.exemplars if b is not a) for a in track.exemplars]
            del track.exemplars[int(np.argmin(nearest))]

    def _introduce(self, seen: list[_Track]) -> None:
        """Note that people at different places in one frame are different people, whatever their appearance."""
        boxes_xyxy = np.stack([track.box_xyxy for track in seen])
        for track, distances in zip(seen, centre_distances(boxes_xyxy, boxes_xyxy), strict=True):
            track.met.update(other.track_id for other, distance in zip(seen, distances, strict=True) if distance > APART_SIZES)

    def _forget(self, seen: list[_Track]) -> None:
        unseen = [track for track in self._tracks if track not in seen]
        keep = max(0, self._settings.max_tracks - len(seen))
        forgotten = {track.track_id for track in unseen[: len(unseen) - keep]} if len(unseen) > keep else set()
        self._tracks = [track for track in unseen if track.track_id not in forgotten] + seen
        for track in self._tracks:
            track.met -= forgotten


def best_pairs(gains: Float64) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pairs that maximise the sum of gains (R, C); each row and column is in one pair at most."""
    if 1 in gains.shape:
        row, column = np.unravel_index([gains.argmax()], gains.shape)
        return row, column
    # Imported only when there are two people to tell apart: it takes as long as finding the faces of eight pictures.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gains, maximize=True)
    return rows, columns
