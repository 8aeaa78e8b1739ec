"""Moments of two recordings -> how much the face of each person differs there, as a multiple of what encoding explains.

Puts finding, following and differences together. Does not know files.
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
"""Share of a face box around it that says nothing of encoding either: a replaced face reaches into its surroundings."""

LEAST_CELLS = 24
"""Cells besides faces that are needed to tell what encoding does."""

ASTRAY = 2.2
"""Pictures that differ elsewhere by so many times as much as is usual are not of one moment, as at a cut, and tell nothing of faces."""

CLEARLY = 0.85
"""A neighbour of a picture fits better if it differs by less than this share: clocks of two files may be a picture apart."""

CROP_PX = 200
_CROP_MARGIN = 1.4


@dataclass(frozen=True, eq=False)
class _Seen:
    """One face at one moment. differences, liveliness: of its cells. elsewhere: of those beside faces, None where they are too few."""

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
    """Takes moments in the order of time; `by_person` says what came of them.

    full_width: of A's own pictures, in whose pixels boxes are told. is_exact: all pictures were equal, pixel for pixel.
    """

    detector: FaceDetector
    full_width: int
    is_exact: bool = True
    moments: int = 0
    _tracker: Tracker = field(default_factory=Tracker)
    _seen: list[_Seen] = field(default_factory=list)
    _elsewhere: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = field(default_factory=list)

    def add(self, a: Frame, partner: Frame, neighbours: Sequence[Frame] = ()) -> None:
        """a: of the one recording. partner: of the other at the same moment. neighbours: of those, one that clearly fits better counts."""
        boxes = self.detector.detect(a.picture_rgb)
        tracks = self._tracker.follow(observe(a, boxes))
        faces = [(box, track_id) for box, track_id in zip(boxes, tracks, strict=True) if box.size_px >= SMALLEST_PX]
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
        """The moments of each person, in the order of time; of each, the `shown` that differ most have crops."""
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
        """The cells, and which of them tell of encoding: those beside faces, or all where these are too few."""
        size_wh = common_size(a.size_wh, b.size_wh)
        shape, scale = grid_shape(size_wh, a.size_wh)
        outside = np.ones(shape, np.bool_)
        for box in boxes:
            outside[cells_of(box.box_xyxy, shape, scale, AROUND)] = False
        if outside.sum() < LEAST_CELLS:
            outside[:] = True
        return cell_map(a.picture_rgb, b.picture_rgb, outside), outside


def _difference(seen: _Seen, expectation: Expectation) -> float:
    """Of the whole face or of its lower half, where lip-syncs work: whichever differs more."""
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
    """The same place of both, and a map of where they differ: dark where they do not."""
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
