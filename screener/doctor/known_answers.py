"""What stages must return for known pictures, computed here by other means. Pure: no files, no networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from screener.doctor.findings import Fault
from screener.doctor.specimen import PATCHES_RGB, corner
from screener.model.preprocessing import Preprocessing, crop_face, normalise
from screener.records import FaceBox
from screener.tracking.boxes import iou_matrix

UInt8 = NDArray[np.uint8]
Floats = NDArray[np.float64]

COLOUR_TOLERANCE_LEVELS = 40.0
"""Compression and the choice of a colour matrix change a patch by up to 20 levels; swapped channels change it by 160."""

LEAST_OVERLAP = 0.6

_PATCHES = PATCHES_RGB.astype(np.float64)
_MISTAKES: dict[str, Callable[[Floats], Floats]] = {
    "red and blue are swapped": lambda corners: corners[..., ::-1],
    "the picture is mirrored": lambda corners: corners[:, ::-1],
    "the picture is upside down": lambda corners: corners[::-1],
    "the picture is turned by half": lambda corners: corners[::-1, ::-1],
    "the picture is turned to the left": lambda corners: np.rot90(corners, -1),
    "the picture is turned to the right": lambda corners: np.rot90(corners),
}
"""Possible mistake -> how to undo it, on the (2, 2, 3) colours of the corners."""


def picture_fault(picture_rgb: UInt8) -> str:
    """What is wrong with a decoded frame of the specimen, judged by the patches in its corners; empty if nothing is."""
    # The edges of a patch mix with its surroundings.
    seen = np.array([[corner(picture_rgb, row, column)[8:-8, 8:-8].mean((0, 1)) for column in (0, 1)] for row in (0, 1)])
    if _is_right(seen):
        return ""
    for mistake, undo in _MISTAKES.items():
        if _is_right(undo(seen)):
            return mistake
    return f"colours are off by up to {np.abs(seen - _PATCHES).max():.0f} grey levels"


def _is_right(corners: Floats) -> bool:
    return bool(np.abs(corners - _PATCHES).max() <= COLOUR_TOLERANCE_LEVELS)


def box_fault(found: Sequence[FaceBox], box_xyxy: NDArray[np.float32]) -> tuple[float, str]:
    """(intersection over union of the found face with the known one, what is wrong or empty)."""
    if len(found) != 1:
        return 0.0, f"{len(found)} faces were found, there is one"
    overlap = float(iou_matrix(found[0].box_xyxy[None], box_xyxy[None])[0, 0])
    if overlap < LEAST_OVERLAP:
        seen, known = ([round(float(v)) for v in box] for box in (found[0].box_xyxy, box_xyxy))
        return overlap, f"the face was found at {seen}, it is at {known}"
    return overlap, ""


def check_crop() -> str:
    """Check both ways of resizing and the mirrored edge, against block means and quarter weights. Raises Fault beyond one grey level."""
    contract = Preprocessing(input_size=224, crop_margin=1.25)
    rows, columns = np.mgrid[0:500, 0:600]
    # Steep triangle waves: a shift by half a pixel changes them by several grey levels.
    picture = np.stack([_ramps(columns, 23), _ramps(rows, 31), _ramps(rows + columns, 27)], 2).astype(np.uint8)
    mirrored = np.pad(picture.astype(np.float64), ((200, 200), (200, 200), (0, 0)), mode="reflect")
    for kind, side, resized in (("halved", 448, _halved), ("doubled", 112, _doubled)):
        left, top = -20, -30
        box_side = side / contract.crop_margin
        middle_x, middle_y = left + side / 2, top + side / 2
        box = np.array([middle_x - box_side / 2, middle_y - box_side / 2, middle_x + box_side / 2, middle_y + box_side / 2], np.float64)
        square = mirrored[200 + top : 200 + top + side, 200 + left : 200 + left + side]
        error = float(np.abs(crop_face(picture, box, contract) - resized(square)).max())
        if error > 1:
            raise Fault(f"a crop that is {kind} in size, at the edge of a synthetic picture, is off by {error:.1f} grey levels")
    return "halved, doubled and mirrored at the edge as they should be, to one grey level"


def _ramps(steps: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """A triangle wave from 0 to 250 and back every `length` steps."""
    return np.asarray(250 * np.abs(steps % (2 * length) - length) // length)


def _halved(square: Floats) -> Floats:
    """The mean of every 2 x 2 block."""
    side = square.shape[0] // 2
    return np.asarray(square.reshape(side, 2, side, 2, 3).mean((1, 3)))


def _doubled(square: Floats) -> Floats:
    """Bilinear enlargement: every pixel becomes four, each with three quarters of its value and one quarter of its nearer neighbour's,
    along both axes.
    """
    for axis in (0, 1):
        padded = np.concatenate([np.take(square, [0], axis), square, np.take(square, [-1], axis)], axis)
        count = square.shape[axis]
        before, after = (np.take(padded, range(start, start + count), axis) for start in (0, 2))
        pair = np.stack([0.75 * square + 0.25 * before, 0.75 * square + 0.25 * after], axis + 1)
        square = pair.reshape([2 * side if i == axis else side for i, side in enumerate(square.shape)])
    return square


def check_normalisation(contract: Preprocessing) -> None:
    """Check black, white and a colour against (value / 255 - mean) / std in float64. Raises Fault."""
    colours = np.array([[0, 0, 0], [255, 255, 255], [10, 120, 230]], np.uint8)
    crops = np.broadcast_to(colours[:, None, None], (3, 4, 4, 3)).copy()
    expected = (colours / 255.0 - np.array(contract.mean_rgb)) / np.array(contract.std_rgb)
    actual = normalise(crops, contract)
    if actual.shape != (3, 3, 4, 4):
        raise Fault(f"the network's input has shape {actual.shape}, expected (3, 3, 4, 4)")
    error = float(np.abs(actual - expected[:, :, None, None]).max())
    if not error <= 1e-4:
        raise Fault(f"normalised values are off by up to {error:.2g}")
