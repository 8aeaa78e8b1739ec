"""The contract of a face detector, and the conversion of pictures to the form that it takes.

Knows pictures and boxes. Does not know any detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from screener.records import FaceBox


class FaceDetector(Protocol):
    """What the pipeline needs from a face detector. Must be safe to use from several threads at once.

    pictures_at_once: preferred batch size of pictures; 1 if batching does not pay.
    """

    name: str
    pictures_at_once: int

    def detect(self, picture_rgb: NDArray[np.uint8]) -> list[FaceBox]:
        """Every face of an (H, W, 3) uint8 picture, in pixels of that picture, most confident first; empty if there is none."""
        ...

    def detect_all(self, pictures_rgb: Sequence[NDArray[np.uint8]]) -> list[list[FaceBox]]:
        """`detect` for each picture, in order; faster if several pictures of one size can be processed together."""
        ...

    def follow(self, picture_rgb: NDArray[np.uint8], faces: Sequence[FaceBox]) -> list[FaceBox]:
        """The faces of a picture a moment after `faces` were found, most confident first. Cheaper than `detect`, with similar boxes, but
        misses small faces that were not near there before.
        """
        ...

    def is_small(self, face: FaceBox, size_wh: tuple[int, int]) -> bool:
        """Whether `follow` may miss such a face of a picture of this size unless it is near where it was."""
        ...

    def contract(self) -> dict[str, Any]:
        """The settings that affect which boxes come out; stored in checkpoints."""
        ...


def as_rgb(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Any picture array -> (H, W, 3) uint8: gray is repeated, alpha dropped, 16 bit reduced to 8, other types clipped."""
    array = np.asarray(picture)
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif array.dtype != np.uint8:
        array = np.clip(np.nan_to_num(array.astype(np.float32)), 0, 255).astype(np.uint8)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise ValueError(f"picture: expected (H, W), (H, W, 1 to 4) with at least one pixel, got {array.shape}")
    if array.shape[2] in (1, 2):
        array = np.repeat(array[..., :1], 3, axis=2)
    return np.ascontiguousarray(array[..., :3])
