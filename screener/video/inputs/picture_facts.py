"""Reads the header of a picture file: size, orientation, when it was taken. Decodes nothing."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from screener.video.container.gate import HEAD_BYTES

_HEADERS_READ_BY_PILLOW = ("JPEG", "PNG", "BMP", "TIFF", "JPEG2000")
"""Formats whose headers Pillow reads without calling a decoder."""

_EXIF_IFD, _TAKEN, _TAKEN_FRACTION, _ORIENTATION = 0x8769, (0x9003, 0x9004), (0x9291, 0x9292), 0x0112
"""Tags of EXIF 2.32: the EXIF table, when the photograph was taken and digitised, fractions of these seconds, and its orientation."""


@dataclass(frozen=True)
class PictureFacts:
    """size_wh: as coded. orientation: EXIF's, 1 to 8. taken_seconds: on an arbitrary clock, for differences only. None if unknown."""

    size_wh: tuple[int, int] | None = None
    orientation: int = 1
    taken_seconds: float | None = None


def picture_facts(path: Path) -> PictureFacts:
    """Facts from a picture file's header; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return _of_container(head) or _of_pillow(path)
    except Exception:  # whatever a hostile header makes the parser raise
        return PictureFacts()


def _of_container(head: bytes) -> PictureFacts | None:
    """Facts of WebP and of pictures in ISO base media (AVIF, HEIF), whose headers Pillow leaves to decoders."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return PictureFacts(_webp_size(head))
    if head[4:8] == b"ftyp":
        # If a picture is stored in tiles, the largest entry is the whole picture (ISO 23008-12, 6.5.3).
        found = re.finditer(rb"ispe\0{4}(.{4})(.{4})", head, re.DOTALL)
        return PictureFacts(max(((int.from_bytes(size[1], "big"), int.from_bytes(size[2], "big")) for size in found), default=None))
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _of_pillow(path: Path) -> PictureFacts:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of pictures that are too large to decode safely
        with Image.open(path, formats=_HEADERS_READ_BY_PILLOW) as picture:
            exif = picture.getexif()
            orientation = exif.get(_ORIENTATION, 1)
            return PictureFacts(picture.size, orientation if orientation in range(1, 9) else 1, _taken(exif.get_ifd(_EXIF_IFD)))


def _taken(tags: dict[int, Any]) -> float | None:
    for moment, fraction in zip(_TAKEN, _TAKEN_FRACTION, strict=True):
        text = str(tags.get(moment, "")).strip("\0 ")
        if re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", text) and not text.startswith("0000"):
            digits = re.match(r"\d+", str(tags.get(fraction, "")))
            whole = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
            return whole + (float(f"0.{digits[0]}") if digits else 0.0)
    return None
