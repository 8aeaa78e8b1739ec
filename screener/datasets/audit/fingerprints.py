"""Finds near copies of pictures: a perceptual hash finds candidates, the correlation of fine detail confirms them.

Finds recompressed, resized, recoloured, blurred and retouched copies, but not mirrored ones or those cropped by more than a percent or two.
Knows pixels and hashes. Does not know files, labels or splits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

SIDE_PX = 32

DETAIL_SIGMA_PX = 1.5
"""Detail is the difference to a blur of this width of the reduced picture: different faces agree in coarse structure, copies also in fine
detail.
"""

LEAST_CONTRAST = 2.0
"""A picture with a lower standard deviation, in grey levels, such as a black frame, resembles all others of its kind and is not
compared.
"""

BLOCK = (64, 4096)
"""Hashes compared at a time: rows and columns that fit into the CPU's cache."""

UInt8 = NDArray[np.uint8]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """picture_hash: 64 bits as one number. small_grey: (32, 32) uint8, the picture reduced to grey levels."""

    picture_hash: int
    small_grey: UInt8


@dataclass(frozen=True)
class NearPair:
    """Indices of two near copies, number of bits in which their hashes differ, and the correlation of their detail, up to 1."""

    first: int
    second: int
    bits: int
    correlation: float


def fingerprint(picture_rgb: UInt8) -> Fingerprint | None:
    """(H, W, 3) -> its fingerprint, or None for a picture without contrast.

    Each bit of the hash says whether one of the 64 lowest frequencies of the discrete cosine transform is above their median (Zauner 2010,
    Implementation and Benchmarking of Perceptual Image Hash Functions).
    """
    grey = cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2GRAY)
    small = np.asarray(cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
    if float(small.std()) < LEAST_CONTRAST:
        return None
    low = dctn(small.astype(np.float64), norm="ortho")[:8, :8].ravel()
    # The first coefficient is the mean brightness, an outlier.
    bits = np.packbits(low > np.median(low[1:]))
    return Fingerprint(int.from_bytes(bits.tobytes(), "big"), small)


def detail(small_grey: UInt8) -> NDArray[np.float32]:
    """(n, 32, 32) -> (n, 1024) fine detail, each row of length 1 or 0, so that the product of two rows is their correlation."""
    pictures = small_grey.astype(np.float32)
    fine = np.stack([picture - cv2.GaussianBlur(picture, (0, 0), DETAIL_SIGMA_PX) for picture in pictures]).reshape(len(pictures), -1)
    fine -= fine.mean(1, keepdims=True)
    return np.asarray(fine / np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-6), np.float32)


def near_pairs(
    prints: list[Fingerprint], bits: int, correlation: float, matters: Callable[[Places, Places], NDArray[np.bool_]]
) -> list[NearPair]:
    """Pairs whose hashes differ in at most `bits` bits and whose detail correlates by at least `correlation`, closest first.

    matters: given arrays of first and second indices, returns which pairs are of interest. All pairs of hashes are compared: some billion
    comparisons for a hundred thousand pictures, which takes well under a minute and a kilobyte of memory per picture.
    """
    hashes = np.array([one.picture_hash for one in prints], np.uint64)
    small = np.stack([one.small_grey for one in prints]) if prints else np.zeros((0, SIDE_PX, SIDE_PX), np.uint8)
    found: list[NearPair] = []
    for first, second, differing in _close_hashes(hashes, bits):
        wanted = matters(first, second)
        first, second, differing = first[wanted], second[wanted], differing[wanted]
        if len(first):
            same = (detail(small[first]) * detail(small[second])).sum(1)
            found += [
                NearPair(int(a), int(b), int(d), float(c))
                for a, b, d, c in zip(first, second, differing, same, strict=True)
                if c >= correlation
            ]
    return sorted(found, key=lambda pair: (-round(pair.correlation, 4), pair.first, pair.second))


def _close_hashes(hashes: NDArray[np.uint64], bits: int) -> Iterator[tuple[Places, Places, NDArray[np.uint8]]]:
    """Pairs of indices, the lower first, block by block, with the number of differing bits."""
    rows, columns = BLOCK
    for top in range(0, len(hashes), rows):
        upper = hashes[top : top + rows, None]
        for left in range(top, len(hashes), columns):
            differing = np.bitwise_count(upper ^ hashes[None, left : left + columns])
            i, j = np.nonzero(differing <= bits)
            below = i + top < j + left
            i, j = i[below], j[below]
            if len(i):
                yield i + top, j + left, differing[i, j]
