"""Moments of two recordings -> how much each person's face differs there, as a multiple of the effect of encoding.

Combines face detection, tracking and differences. Does not know files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.comparison.differences import CellMap, Expectation, cell_map, cells_of, common_size, grid_shape, learnt_from
from screener.comparison.records import Moment
from screener.faces import FaceDetector
from screener.model.preprocessing import cut_square, resize_square, square_around
from screener.records import FaceBox, Frame
from screener.tracking.tracker import Tracker, observe

SMALLEST_PX = 24
"""A face with a shorter side is not compared: it covers too few cells."""

AROUND = 0.35
"""Margin around a face box, as a share of its size, that is not used to fit encoding: a replaced face extends beyond its box."""

LEAST_CELLS = 24
"""Cells outside of faces that are needed to fit the effect of encoding."""

ASTRAY = 2.2
"""Pictures whose background differs by this many times the median are not of one moment, as at a cut, and are ignored."""

CLEARLY = 0.85
"""A neighbouring picture replaces the partner if its difference is below this share of it: two files' clocks may be one picture apart."""

CROP_PX = 200
_CROP_MARGIN = 1.4


@dataclass(frozen=True, eq=False)
class _Seen:
    """One face at one moment. differences, liveliness: of its cells. elsewhere: of cells outside of faces, None if there are too few."""

    track_id: int
    a_seconds: float
    b_seconds: float
    box_xyxy: NDArray[np.float32]
    differences: NDArray[np.float32]
    liveliness: NDArray[np.float32]
    elsewhere: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    crops_rgb: tuple[NDArray[np.uint8], ...]


@dataclass
class FacesCompared:
    """Takes moments in order of time; `by_person` returns the results.

    full_width: width of A's original pictures, whose pixels boxes are given in. is_exact: all pictures were equal, pixel for pixel.
    has_small_faces: a face was too small to be compared. has_faces: any face was seen.
    """

    detector: FaceDetector
    full_width: int
    is_exact: bool = True
    moments: int = 0
    has_faces: bool = False
    has_small_faces: bool = False
    _tracker: Tracker = field(default_factory=Tracker)
    _seen: list[_Seen] = field(default_factory=list)
    _elsewhere: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = field(default_factory=list)

    def add(self, a: Frame, partner: Frame, neighbours: Sequence[Frame] = ()) -> None:
        """a: picture of A. partner: B's picture at the same time. neighbours: of the partner; one that clearly fits better replaces it."""
        boxes = self.detector.detect(a.picture_rgb)
        tracks = self._tracker.follow(observe(a, boxes))
        faces = [(box, track_id) for box, track_id in zip(boxes, tracks, strict=True) if box.size_px >= SMALLEST_PX]
        self.has_faces |= bool(boxes)
        self.has_small_faces |= len(faces) < len(boxes)
        b, (cells, outside) = partner, self._map(a, partner, boxes)
        best = float(cells.differences[outside].mean()) * CLEARLY
        for frame in neighbours:
            other, other_outside = self._map(a, frame, boxes)
            if (fit := float(other.differences[other_outside].mean())) < best:
                b, cells, outside, best = frame, other, other_outside, fit
        self.moments += 1
        self.is_exact &= a.picture_rgb.shape == b.picture_rgb.shape and bool((a.picture_rgb == b.picture_rgb).all())
        self._elsewhere.append((cells.differences[outside], cells.liveliness[outside]))
        elsewhere = None if outside.all() else self._elsewhere[-1]
        for box, track_id in faces:
            part = cells_of(box.box_xyxy, cells.differences.shape, cells.scale)
            crops = _crops(a, b, box, cells)
            told = np.asarray(box.box_xyxy * (self.full_width / a.size_wh[0]), np.float32)
            of_face = cells.differences[part], cells.liveliness[part]
            self._seen.append(_Seen(track_id, a.pts_seconds, b.pts_seconds, told, *of_face, elsewhere, crops))

    def by_person(self, shown: int) -> list[list[Moment]]:
        """The moments of each person, in order of time; the `shown` that differ most have crops."""
        if not self._elsewhere:
            return []
        expectation = learnt_from(*(np.concatenate(values) for values in zip(*self._elsewhere, strict=True)))
        people: dict[int, list[tuple[float, _Seen]]] = {}
        for seen in self._seen:
            if seen.elsewhere is not None and _ratio(*seen.elsewhere, expectation) > ASTRAY:
                continue
            people.setdefault(seen.track_id, []).append((_difference(seen, expectation), seen))
        return [_moments(people[track_id], shown) for track_id in sorted(people)]

    @staticmethod
    def _map(a: Frame, b: Frame, boxes: Sequence[FaceBox]) -> tuple[CellMap, NDArray[np.bool_]]:
        """The cells, and a mask of those used to fit encoding: outside of faces, or all if these are too few."""
        size_wh = common_size(a.size_wh, b.size_wh)
        shape, scale = grid_shape(size_wh, a.size_wh)
        outside = np.ones(shape, np.bool_)
        for box in boxes:
            outside[cells_of(box.box_xyxy, shape, scale, AROUND)] = False
        if outside.sum() < LEAST_CELLS:
            outside[:] = True
        return cell_map(a.picture_rgb, b.picture_rgb, outside), outside


def _difference(seen: _Seen, expectation: Expectation) -> float:
    """The larger difference of the whole face and its lower half, which lip-syncs change."""
    lower = slice(len(seen.differences) // 2, None)
    return max(_ratio(seen.differences[rows], seen.liveliness[rows], expectation) for rows in (slice(None), lower))


def _ratio(differences: NDArray[np.float32], liveliness: NDArray[np.float32], expectation: Expectation) -> float:
    return float(differences.sum() / expectation.of(liveliness).sum())


def _moments(found: list[tuple[float, _Seen]], shown: int) -> list[Moment]:
    telling = {id(seen) for _, seen in sorted(found, key=lambda one: -one[0])[:shown]}
    return [
        Moment(seen.a_seconds, seen.b_seconds, difference, seen.box_xyxy, seen.crops_rgb if id(seen) in telling else ())
        for difference, seen in found
    ]


def _crops(a: Frame, b: Frame, box: FaceBox, cells: CellMap) -> tuple[NDArray[np.uint8], ...]:
    """The same region of both pictures, and a heat map of their differences, dark where they are equal."""
    x, y, side = square_around(box.box_xyxy, _CROP_MARGIN)
    as_large = b.picture_rgb
    if b.size_wh != a.size_wh:
        as_large = np.asarray(cv2.resize(b.picture_rgb, a.size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)
    heat = np.clip(cells.differences * 12, 0, 255).astype(np.uint8)
    coloured = cv2.cvtColor(
        cv2.applyColorMap(cv2.resize(heat, a.size_wh, interpolation=cv2.INTER_CUBIC), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB
    )
    pictures = (a.picture_rgb, as_large, np.asarray(coloured, np.uint8))
    return tuple(resize_square(cut_square(picture, x, y, side), CROP_PX) for picture in pictures)
