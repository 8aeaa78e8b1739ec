"""Whether a file that opens as one picture holds more: pages, appended pictures, or a video beside or after a photograph.

Only the first picture of such a file is decoded. Finds the beginning of another one; does not decode it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Literal

from PIL import Image

from screener.video.container.gate import MOTION_BRANDS
from screener.video.readers.jpeg_integrity import end_of_jpeg
from screener.video.readers.pillow_errors import PILLOW_ERRORS

_HEADER_BYTES = 1 << 16
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BEGINNING = re.compile(
    rb"\0*(\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF.{4}WEBP|GIF8[79]a|II[*+]\0|MM\0[*+]|\x0cjP  \r\n|.{0,4}ftyp"
    rb"|BM.{12}[\x0c\x28\x34\x38\x6c\x7c]\0\0\0)",
    re.DOTALL,
)
"""Signature of an appended picture, or of a video as phones append it; padding before it is skipped."""

_BOXES = frozenset({b"ftyp", b"jP  "})
_OF_FILM = frozenset({b"moov", b"moof", b"mpvd"})
"""Boxes of a film's index, of its fragments, and of the film that phones store in a photograph."""

_MAP_OF_BRIGHTNESS = re.compile(rb"hdrgm:|HDRGainMap|hdrgainmap|urn:iso:std:iso:ts:21496")


def holds_more(data: bytes) -> bool:
    """data: the bytes of a whole file. Parts of the picture itself, such as its preview, do not count."""
    if data.startswith(_TIFF) or _declares_more(data):
        return _has_pages(data)
    if _has_film(data):
        return True
    end = next((end(data) for begins, end in _ENDS if begins(data)), len(data))
    if not 0 < end < len(data):
        return False
    if data.startswith(b"\xff\xd8"):
        return b"ftyp" in data[end:] or (b"MPF\0" not in data[: min(end, _HEADER_BYTES)] and _BEGINNING.match(data, end) is not None)
    return _BEGINNING.match(data, end) is not None


def pictures_held(data: bytes) -> int:
    """How many pictures of an animation a PNG or WebP holds; 0 for other files.

    Sources: PNG, third edition, section 11.3.6.2, `fcTL`; RFC 9649, section 2.7.1.1, `ANMF`.
    """
    if data.startswith(b"\x89PNG"):
        return sum(name == b"fcTL" for name in _chunks(data, 8, "big", 12))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return sum(name == b"ANMF" for name in _chunks(data, 12, "little", 8))
    return 0


def _chunks(data: bytes, position: int, order: Literal["big", "little"], overhead: int) -> Iterator[bytes]:
    """Names of the chunks from a position on. PNG writes length and name, and a checksum behind; RIFF name and length, padded to an even
    length.
    """
    while position + 8 <= len(data):
        first, second = data[position : position + 4], data[position + 4 : position + 8]
        length, name = (first, second) if order == "big" else (second, first)
        yield name
        size = int.from_bytes(length, order)
        position += overhead + size + (size % 2 if order == "little" else 0)


def _declares_more(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8") and b"MPF\0" in data[:_HEADER_BYTES]


def _has_pages(data: bytes) -> bool:
    """Whether there are several pictures. In a JPEG only those as large as the first count: previews and gain maps are smaller,
    or marked.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            count = int(getattr(image, "n_frames", 1))
            return count > 1 and (image.format != "MPO" or any(_is_a_view(image, data, number) for number in range(1, count)))
    except PILLOW_ERRORS:
        return False


def _is_a_view(image: Image.Image, data: bytes, number: int) -> bool:
    """Whether a picture is one of several photographs in a file (CIPA DC-007)."""
    first_size = image.size
    image.seek(number)
    size, offset = image.size, int(getattr(image, "offset", 0))
    image.seek(0)
    return size == first_size and not _MAP_OF_BRIGHTNESS.search(data[offset : offset + _HEADER_BYTES])


def _end_of_png(data: bytes) -> int:
    """Position after the last chunk (PNG, section 5.3)."""
    position = 8
    while position + 12 <= len(data):
        name = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        if name == b"IEND":
            return position
    return len(data)


def _end_of_riff(data: bytes) -> int:
    length = int.from_bytes(data[4:8], "little")
    return 8 + length + length % 2


def _end_of_bmp(data: bytes) -> int:
    return int.from_bytes(data[2:6], "little")


def _has_film(data: bytes) -> bool:
    """Whether a picture made of boxes holds a film too, which only players of films show. Animations are films, and are read as such."""
    is_picture = data[4:8] in _BOXES and data[8:12] not in MOTION_BRANDS
    return is_picture and any(name in _OF_FILM for _, name in _boxes(data))


def _end_of_boxes(data: bytes) -> int:
    """Position of the box that begins another file (ISO/IEC 15444-1, annex I; ISO/IEC 14496-12)."""
    begun = set[bytes]()
    for position, name in _boxes(data):
        if name in begun:
            return position
        begun |= {name} & _BOXES
    return len(data)


def _boxes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Position and name of each box that is not in another one, up to one whose length makes no sense."""
    position = 0
    while position + 8 <= len(data):
        length, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        yield position, name
        length = int.from_bytes(data[position + 8 : position + 16], "big") if length == 1 else length or _to_the_next(data, position)
        if length < 8:
            break
        position += length


def _to_the_next(data: bytes, position: int) -> int:
    """Length of a box that reaches to the end of the file, or to the beginning of another file before that."""
    following = data.find(b"\0\0\0\x0cjP  \r\n\x87\n", position)
    return (following if following >= 0 else len(data)) - position


_ENDS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], int]], ...] = (
    (lambda data: data.startswith(b"\xff\xd8"), end_of_jpeg),
    (lambda data: data.startswith(b"\x89PNG"), _end_of_png),
    (lambda data: data.startswith(b"RIFF"), _end_of_riff),
    (lambda data: data.startswith(b"BM"), _end_of_bmp),
    (lambda data: data[4:8] in _BOXES, _end_of_boxes),
)
