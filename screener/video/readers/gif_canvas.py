"""The canvas of a GIF after each picture, which is drawn over what the previous ones left (GIF89a, sections 20 and 23).

Pillow decodes the pictures one by one. Uncovered parts of the canvas have the background colour, or white if the picture is transparent, as
in FFmpeg.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from screener.video.container.opening import check_pixels
from screener.video.container.structure.gif import GifBlocks, GifPicture, gif_pictures

_CLEARED, _BROUGHT_BACK = 2, 3
_INTERLACED, _HAS_COLOURS = 0x40, 0x80
_WHITE = np.full(3, 255, np.uint8)


def canvases(path: Path, shown_name: str, max_pixels: int) -> Iterator[NDArray[np.uint8]]:
    """Yield (H, W, 3) uint8 RGB, the same array each time. Raises SourceError `limit_pixels`, or what Pillow raises on a
    damaged picture.
    """
    with open(path, "rb") as file, open(path, "rb") as chain:
        head = file.read(13)
        width, height = struct.unpack("<HH", head[6:10])
        colours = _colours(file, head[10])
        background = colours[head[11]] if head[10] & _HAS_COLOURS else _WHITE
        canvas: NDArray[np.uint8] | None = None
        for picture in gif_pictures(chain, GifBlocks()):
            left, top, indices, own = _decoded(file, picture, shown_name, max_pixels)
            bare = background if picture.control.see_through < 0 else _WHITE
            if canvas is None:  # some writers declare the canvas smaller than its first picture
                width, height = max(width, left + indices.shape[1]), max(height, top + indices.shape[0])
                check_pixels(width, height, max_pixels, shown_name)
                canvas = np.empty((height, width, 3), np.uint8)
                canvas[...] = bare
            part = canvas[top : top + indices.shape[0], left : left + indices.shape[1]]
            indices = indices[: part.shape[0], : part.shape[1]]
            left_behind = {_CLEARED: bare, _BROUGHT_BACK: part.copy()}.get(picture.control.disposal)
            drawn = indices != picture.control.see_through
            part[drawn] = (colours if own is None else own)[indices[drawn]]
            yield canvas
            if left_behind is not None:
                part[...] = left_behind


def _decoded(
    file: BinaryIO, picture: GifPicture, shown_name: str, max_pixels: int
) -> tuple[int, int, NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Left and top position, (H, W) colour indices, and the picture's own colour table if it has one."""
    file.seek(picture.start)
    left, top, width, height, flags = struct.unpack("<HHHHB", file.read(9))
    check_pixels(width, height, max_pixels, shown_name)
    own = _colours(file, flags) if flags & _HAS_COLOURS else None
    alone = (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0, 0, 0)
        + b"\x2c"
        + struct.pack("<HHHHB", 0, 0, width, height, flags & _INTERLACED)
    )
    with Image.open(io.BytesIO(alone + file.read(picture.end - file.tell()) + b"\x3b"), formats=["GIF"]) as image:
        return left, top, np.asarray(image, np.uint8), own


def _colours(file: BinaryIO, flags: int) -> NDArray[np.uint8]:
    """(256, 3) uint8 RGB: a colour table, filled with black; shades of grey if there is none."""
    if not flags & _HAS_COLOURS:
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    table = file.read(3 << (flags & 7) + 1)
    return np.frombuffer(table.ljust(768, b"\0"), np.uint8).reshape(256, 3)
