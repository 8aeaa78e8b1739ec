"""Reads from a picture file's header how it was made: JPEG tables and chroma subsampling, and the software that wrote it.

Reads headers with Pillow and decodes nothing. Does not know labels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

# fmt: off
LUMINANCE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61,       12, 12, 14, 19, 26, 58, 60, 55,       14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,       18, 22, 37, 56, 68, 109, 103, 77,     24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,   72, 92, 95, 98, 112, 100, 103, 99,
])
# fmt: on
"""Quantisation table of luminance at quality 50, row by row (ITU-T T.81, table K.1)."""

SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}

_LONGEST_TAG = 60


@dataclass(frozen=True)
class PictureHeader:
    """How a picture file was written; fields that its format lacks are empty or None.

    quality: 1 to 100, of the Independent JPEG Group's table that is nearest to the luminance table. tables: digest of all quantisation
    tables. sampling: chroma subsampling, such as 4:2:0. progressive: whether the scans refine each other. software: the software and camera
    that wrote it, if stated.
    """

    quality: int | None = None
    tables: str = ""
    sampling: str = ""
    progressive: bool | None = None
    software: str = ""


def read_picture_header(path: Path) -> PictureHeader:
    """The header of a picture file; an empty one if Pillow cannot read it."""
    try:
        with Image.open(path) as picture:
            software = _software(picture)
            if not isinstance(picture, JpegImageFile):
                return PictureHeader(software=software)
            tables = {int(number): list(values) for number, values in picture.quantization.items()}
            return PictureHeader(
                quality=jpeg_quality(np.asarray(tables[min(tables)])) if tables else None,
                tables=hashlib.sha256(repr(sorted(tables.items())).encode()).hexdigest()[:8],
                sampling="grey" if picture.mode == "L" else SAMPLINGS.get(get_sampling(picture), "other"),
                progressive=bool(picture.info.get("progressive", 0)),
                software=software,
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return PictureHeader()


def jpeg_quality(table: NDArray[np.int64]) -> int:
    """(64,) luminance table, row by row -> the quality from 1 to 100 with the nearest table, by the sum of absolute differences.

    The scaling is that of the Independent JPEG Group's library: 5000 / quality percent below 50, 200 - 2 quality from there on.
    """
    return int(np.abs(_TABLES - table).sum(1).argmin()) + 1


def _scaled_tables() -> NDArray[np.int64]:
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.asarray(np.clip((LUMINANCE * percent[:, None] + 50) // 100, 1, 255), np.int64)


_TABLES = _scaled_tables()


def _software(picture: Image.Image) -> str:
    """EXIF software and camera, or a text field of that name, on one line."""
    tags: dict[int, Any] = dict(picture.getexif())
    named = [tags.get(tag) for tag in (ExifTags.Base.Software, ExifTags.Base.Make, ExifTags.Base.Model)]
    words = [str(value) for value in [*named, picture.info.get("Software")] if value]
    return " ".join(" ".join(words).replace("\x00", " ").split())[:_LONGEST_TAG]
