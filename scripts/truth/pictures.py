"""Pictures that carry their own number: which clip and which frame of it, readable after lossy coding, scaling, turning and grey shifts.

The whole picture is a grid of 8 by 6 cells, dark or light: 20 fixed ones that say which way is up and where dark ends, 4 for the part (the
clip that the frame belongs to), 12 for the number of the frame and 12 for a checksum. A cell is read by its middle, against a threshold
taken from the fixed cells, so that any rising change of brightness leaves the number readable; a picture that is mixed of two, or damaged
in any cell, is not. Knows pixels, not files.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Bits = NDArray[np.bool_]

COLUMNS, ROWS = 8, 6
FIXED, PART_BITS, NUMBER_BITS, CHECK_BITS = "11010011010111000100", 4, 12, 12
DARK, LIGHT = 56, 200
LEAST_CONTRAST = 16
"""Between the fixed cells of either kind; below it the picture is of one grey, and has no number."""

_TURNED_FROM_LEFT = 4
_SAMPLES = 4  # a cell is reduced to so many pixels each way; the outer ones, which its neighbours smear into, are left out


@dataclass(frozen=True, order=True)
class Label:
    """What one frame says of itself. part: the clip, 0 to 15. number: of the frame in its clip, 0 to 4095."""

    part: int
    number: int


@dataclass(frozen=True)
class Seen:
    """What was read off a picture. turn: how it lies, an index of `turned`; 0 is upright."""

    label: Label
    turn: int


def numbered_picture(label: Label, size_wh: tuple[int, int]) -> UInt8:
    """(H, W, 3) uint8 RGB. A texture that moves from frame to frame lies over the cells, so that its coding has something to do."""
    width, height = size_wh
    cells = np.where(_bits(label).reshape(ROWS, COLUMNS), np.uint8(LIGHT), np.uint8(DARK))
    # Nearest by the middle of each pixel: `read_label` divides the picture in the same places.
    grey = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.int16)
    texture = np.kron(_grains(label.part), np.ones((4, 4), np.int16))
    texture = np.roll(np.tile(texture, (-(-height // 64), -(-width // 64))), label.number, axis=1)[:height, :width]
    return np.repeat((grey + texture).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def read_label(picture: UInt8) -> Seen | None:
    """(H, W) or (H, W, 3) uint8, however it lies -> its label; None if there is none, or not whole."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    for turn in range(8):
        label = _read_upright(turned(np.asarray(grey, np.float32), -turn if turn < _TURNED_FROM_LEFT else turn))
        if label is not None:
            return Seen(label, turn)
    return None


def turned(picture: NDArray, turn: int) -> NDArray:
    """Turned by `turn` times 90 degrees clockwise, for turn from 4 on mirrored left to right first.

    -1 to -3 undo 1 to 3; every other turn but 5 and 7 undoes itself, and those two undo themselves as well, for they are reflections.
    """
    if turn < _TURNED_FROM_LEFT:
        return np.ascontiguousarray(np.rot90(picture, -turn))
    return np.ascontiguousarray(np.rot90(np.fliplr(picture), -(turn - _TURNED_FROM_LEFT)))


def _read_upright(grey: NDArray[np.float32]) -> Label | None:
    small = cv2.resize(grey, (COLUMNS * _SAMPLES, ROWS * _SAMPLES), interpolation=cv2.INTER_AREA)
    levels = small.reshape(ROWS, _SAMPLES, COLUMNS, _SAMPLES)[:, 1:-1, :, 1:-1].mean(axis=(1, 3)).reshape(-1)
    fixed = levels[_FIXED_PLACES]
    dark, light = fixed[~_FIXED_BITS], fixed[_FIXED_BITS]
    threshold = (dark.mean() + light.mean()) / 2
    if light.mean() - dark.mean() < LEAST_CONTRAST or dark.max() >= threshold or light.min() <= threshold:
        return None
    free = levels[_FREE_PLACES] > threshold
    part, number, check = (_number(bits) for bits in np.split(free, (PART_BITS, PART_BITS + NUMBER_BITS)))
    label = Label(part, number)
    return label if check == _checksum(label) else None


def _bits(label: Label) -> Bits:
    bits = np.zeros(ROWS * COLUMNS, bool)
    bits[_FIXED_PLACES] = _FIXED_BITS
    text = f"{label.part:0{PART_BITS}b}{label.number:0{NUMBER_BITS}b}{_checksum(label):0{CHECK_BITS}b}"
    if len(text) != len(_FREE_PLACES) or min(label.part, label.number) < 0:
        raise ValueError(f"label: expected a part below {1 << PART_BITS} and a number below {1 << NUMBER_BITS}, got {label}")
    bits[_FREE_PLACES] = [bit == "1" for bit in text]
    return bits


def _checksum(label: Label) -> int:
    """CRC-12 (x^12 + x^11 + x^3 + x^2 + x + 1) of part and number, not zero for zero."""
    register = 0xFFF
    for shift in reversed(range(PART_BITS + NUMBER_BITS)):
        bit = (label.part << NUMBER_BITS | label.number) >> shift & 1
        register = (register << 1 & 0xFFF) ^ (0x80F if bit ^ register >> 11 else 0)
    return register


def _number(bits: Bits) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)


def _grains(part: int) -> NDArray[np.int16]:
    return np.random.default_rng(part).integers(-10, 11, (16, 16)).astype(np.int16)


def _places() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The fixed cells, corners among them, and the others. Both lie in no order, so that neighbouring numbers differ all over."""
    order = np.random.default_rng(0).permutation(ROWS * COLUMNS)
    corners = np.array([0, COLUMNS - 1, (ROWS - 1) * COLUMNS, ROWS * COLUMNS - 1])
    rest = order[~np.isin(order, corners)]
    return np.concatenate([corners, rest[: len(FIXED) - len(corners)]]), rest[len(FIXED) - len(corners) :]


_FIXED_PLACES, _FREE_PLACES = _places()
_FIXED_BITS = np.array([bit == "1" for bit in FIXED])
