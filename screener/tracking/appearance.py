"""Describes the appearance of faces and whole pictures in a few kilobytes, and measures the distance of two such descriptors.

Knows pixels, boxes and landmarks. Does not know time, tracks or people. It distinguishes people within one video by face structure, skin,
hair and clothing. It is not face recognition: the descriptor changes if a person turns to profile or changes clothes.

The scales below were measured on pairs of faces of the same and of different people, such that a distance of about 0.5 separates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.records import FaceBox

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

LUMA_RGB = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of luma (ITU-R BT.601)."""

LANDMARK_TEMPLATE = np.array([[0.30, 0.36], [0.70, 0.36], [0.50, 0.56], [0.34, 0.76], [0.66, 0.76]], np.float32)
"""Positions of eyes, nose and mouth corners in an aligned face, as fractions of its side."""

FACE_ROWS_COLUMNS = (20, 16)
ALIGNED_SIDE = 20
REGION_ROWS_COLUMNS = (6, 8)
SCENE_ROWS_COLUMNS = (12, 16)
POINTS_PER_CELL = 4
"""Pixels sampled along each side of a cell, so that the cost of a descriptor does not depend on the picture's size."""

BLUR_CELLS, BLUR_REACH = 3.0, 4
"""Neighbourhood of a cell of an aligned face: standard deviation of the blur in cells, and its reach in standard deviations."""

HAIR_REGION = (0.15, -0.30, 0.85, 0.05)
CLOTHING_REGION = (-0.15, 1.15, 1.15, 1.75)
"""Left, top, right, bottom in units of the face box: a region whose pixels mostly belong to the person, not to the background."""

MIN_VISIBLE = 0.3
"""Share of a region that must lie inside the picture for it to be used."""

COLOUR_BINS = (9, 9, 7)
COLOUR_LOW = (0.15, 0.10, -2.5)
COLOUR_HIGH = (0.55, 0.50, 1.5)
"""Upper ends of the histogram: red share, blue share, and log brightness relative to the skin or to the picture's mean."""

SCALES = {"skin": 0.04, "face": 0.50, "aligned": 0.55, "hair": 0.40, "clothing": 0.50}
GREY_SCALES = {"face": 0.42, "aligned": 0.46, "hair": 0.22, "clothing": 0.30}
"""Per part, the distance that separates same from different people, in colour and in black and white, where distances are smaller."""

GREY_TOLERANCE = 0.01
"""A skin whose red and blue shares are this close to a third counts as grey."""

PARTS = ("face", "aligned", "hair", "clothing")
"""The compared parts besides the skin, in this order."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """Appearance of one face.

    parts: (K,) name -> unit vector, float32, compared by inner product; a part outside the picture is missing.
    skin: (2,) float32, red and blue share of the skin.
    """

    parts: dict[str, Float32]
    skin: Float32


@dataclass(frozen=True, eq=False)
class Scene:
    """Appearance of a whole picture. structure: unit vector of coarse brightness. colours: unit vector of a colour histogram."""

    structure: Float32
    colours: Float32


def describe_face(picture_rgb: UInt8, box: FaceBox) -> Appearance:
    """Descriptor of the face in `box` of an (H, W, 3) uint8 picture; the box may reach past the edge."""
    face = _region(picture_rgb, box.box_xyxy, (0.0, 0.0, 1.0, 1.0), FACE_ROWS_COLUMNS)[0]
    aligned = _aligned(picture_rgb, box)
    skin = aligned[6:16, 5:15].reshape(-1, 3).mean(axis=0)
    parts = {"face": _contrast(_luma(face)), "aligned": _contrast(_local_structure(_luma(aligned)))}
    for name, region in (("hair", HAIR_REGION), ("clothing", CLOTHING_REGION)):
        cells, visible = _region(picture_rgb, box.box_xyxy, region, REGION_ROWS_COLUMNS)
        if visible.mean() >= MIN_VISIBLE:
            parts[name] = _colour_histogram(cells[visible], float(_luma(skin)))
    return Appearance(parts, _chroma(skin))


def appearance_distance(first: Appearance, second: Appearance) -> float:
    """Mean over the parts that both have, each divided by its scale: 0 for equal faces, mostly below 0.5 for one person, above
    0.8 for two.
    """
    grey = max(float(np.abs(side.skin - 1 / 3).max()) for side in (first, second)) <= GREY_TOLERANCE
    scales = GREY_SCALES if grey else SCALES
    distances = [] if grey else [float(np.abs(first.skin - second.skin).sum()) / scales["skin"]]
    for name in PARTS:
        if name not in first.parts or name not in second.parts:
            continue
        likeness = min(1.0, float(first.parts[name] @ second.parts[name]))
        # With the square root, the distance of histograms is Hellinger's; structures are compared by correlation.
        distance = 1.0 - likeness if name in ("face", "aligned") else np.sqrt(1.0 - likeness)
        distances.append(float(distance) / scales[name])
    return sum(distances) / len(distances)


def describe_scene(picture_rgb: UInt8) -> Scene:
    """Descriptor of an (H, W, 3) uint8 picture that does not depend on its exposure."""
    height, width = picture_rgb.shape[:2]
    cells = _region(picture_rgb, np.array([0, 0, width, height], np.float32), (0.0, 0.0, 1.0, 1.0), SCENE_ROWS_COLUMNS)[0]
    return Scene(_contrast(_luma(cells)), _colour_histogram(cells.reshape(-1, 3), float(_luma(cells).mean())))


def scene_distance(first: Scene, second: Scene) -> float:
    """0 for equal pictures, about 1 for unrelated ones: the mean of the distances in structure and in colours."""
    structure = 1.0 - float(first.structure @ second.structure)
    colours = np.sqrt(max(0.0, 1.0 - float(first.colours @ second.colours)))
    return float(structure + colours) / 2


def _region(
    picture: UInt8, box_xyxy: NDArray[Any], region: tuple[float, ...], rows_columns: tuple[int, int]
) -> tuple[Float32, NDArray[np.bool_]]:
    """Mean colour of each cell of a grid over a region of a box: (R, C, 3), and which cells lie inside the picture: (R, C)."""
    x0, y0, x1, y1 = (float(v) for v in box_xyxy)
    rows, columns = rows_columns
    left, top, right, bottom = region
    x = x0 + (x1 - x0) * (left + (right - left) * _centres(columns))
    y = y0 + (y1 - y0) * (top + (bottom - top) * _centres(rows))
    return _cells(picture, *np.meshgrid(x, y))


def _aligned(picture: UInt8, box: FaceBox) -> Float32:
    """The face rotated upright and resized by its landmarks: (ALIGNED_SIDE, ALIGNED_SIDE, 3)."""
    template = LANDMARK_TEMPLATE[:, 0] + 1j * LANDMARK_TEMPLATE[:, 1]
    landmarks = np.asarray(box.landmarks_xy, np.float64) @ np.array([1, 1j])
    x0, y0, x1, y1 = (float(v) for v in box.box_xyxy)
    turn = np.vdot(template - template.mean(), landmarks - landmarks.mean()) / np.vdot(
        template - template.mean(), template - template.mean()
    )
    centre = landmarks.mean()
    # If the landmarks are missing or do not fit the box, only the box is used.
    if not np.isfinite(turn) or not 0.4 < abs(turn) / max(x1 - x0, y1 - y0) < 2.5:
        turn, centre = complex(max(x1 - x0, y1 - y0)), complex((x0 + x1) / 2, (y0 + y1) / 2)
    steps = _centres(ALIGNED_SIDE)
    points = centre + ((steps[None, :] + 1j * steps[:, None]) - template.mean()) * turn
    return _cells(picture, points.real, points.imag)[0]


def _centres(cells: int) -> NDArray[np.float64]:
    points = cells * POINTS_PER_CELL
    return np.asarray((np.arange(points) + 0.5) / points, np.float64)


def _cells(picture: UInt8, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[Float32, NDArray[np.bool_]]:
    """Nearest pixels at the points x, y, averaged in cells of POINTS_PER_CELL squared; the edge is repeated outside the picture."""
    height, width = picture.shape[:2]
    rows, columns = x.shape[0] // POINTS_PER_CELL, x.shape[1] // POINTS_PER_CELL
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    column = np.clip(np.floor(x), 0, width - 1).astype(np.intp)
    row = np.clip(np.floor(y), 0, height - 1).astype(np.intp)
    cells, visible = (
        cv2.resize(values.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)  # the mean of each cell
        for values in (picture.reshape(-1, 3).take(row * width + column, axis=0), inside)
    )
    return np.asarray(cells, np.float32), np.asarray(visible > 0.5, np.bool_)


def _luma(rgb: Float32) -> Float32:
    return np.asarray(rgb @ LUMA_RGB, np.float32)


def _chroma(rgb: Float32) -> Float32:
    """Red and blue share of the brightness, which do not depend on exposure; near black they fade to grey."""
    return np.asarray((rgb[..., [0, 2]] + 8.0) / (rgb.sum(axis=-1, keepdims=True) + 24.0), np.float32)


def _contrast(values: Float32) -> Float32:
    """Flat unit vector with the mean removed: independent of brightness and contrast."""
    flat = values.ravel() - values.mean()
    length = float(np.linalg.norm(flat))
    # Uniform input becomes a constant vector: equal to other uniform input, different from anything with structure.
    return np.asarray(flat / length if length > 1e-3 else np.full_like(flat, flat.size**-0.5), np.float32)


def _local_structure(luma: Float32) -> Float32:
    """Brightness relative to its neighbourhood, so that light from one side counts less than eyes, nose and mouth."""
    detail = luma - _blurred(luma)
    return np.asarray(detail / (np.sqrt(_blurred(detail**2)) + 2.0), np.float32)


def _blurred(luma: Float32) -> Float32:
    side = 2 * round(BLUR_REACH * BLUR_CELLS) + 1
    return np.asarray(cv2.GaussianBlur(luma, (side, side), BLUR_CELLS, borderType=cv2.BORDER_REFLECT), np.float32)


def _colour_histogram(rgb: Float32, reference_luma: float) -> Float32:
    """(N, 3) colours -> flat unit vector: square roots of a histogram in which every colour is distributed over the bins around it."""
    brightness = np.log((_luma(rgb) + 8.0) / (reference_luma + 8.0))
    values = np.concatenate([_chroma(rgb), brightness[:, None]], axis=1)
    low, high, bins = np.array(COLOUR_LOW), np.array(COLOUR_HIGH), np.array(COLOUR_BINS)
    place = np.clip((values - low) / (high - low) * (bins - 1), 0, bins - 1 - 1e-6)
    floor = np.floor(place).astype(np.intp)
    fraction = place - floor
    histogram = np.zeros(COLOUR_BINS)
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, fraction, 1.0 - fraction).prod(axis=1)
        np.add.at(histogram, tuple((floor + np.array(corner)).T), weight)
    return np.asarray(np.sqrt(histogram / len(rgb)).ravel(), np.float32)
