"""One coded JPEG held against libjpeg, which reports bits that FFmpeg's decoder passes over, and where in a file a JPEG ends."""

from __future__ import annotations

import re

import cv2
import numpy as np

from screener.video.ledger import Complaints

_END = b"\xff\xd9"
_COMMON_FRAME = re.compile(rb"\xff[\xc0-\xc2]\x00.\x08", re.DOTALL)
"""A frame header of 8 bits, baseline or progressive: what libjpeg decodes."""


def decodes_whole(jpeg: bytes, complaints: Complaints) -> bool:
    """Whether libjpeg finds as many coded blocks as there are pixels for, and nothing besides. True where nobody would hear it complain."""
    sound = _without_padding(jpeg)
    complaints.new()
    # Decoding at an eighth of the size reads every bit, and makes few pixels of them.
    picture = cv2.imdecode(np.frombuffer(sound, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    heard = complaints.new()
    return not heard if picture is not None else not _COMMON_FRAME.search(sound)


def _without_padding(jpeg: bytes) -> bytes:
    """Some cameras fill up their packets before or behind the end, which is no damage."""
    end = jpeg.rfind(_END)
    body = jpeg[:end] if end > 0 else jpeg
    if body.endswith(b"\0\0\0"):
        body = body.rstrip(b"\0")
        body += b"\0" * body.endswith(b"\xff")  # which stood for a coded 255
    return body + _END


def end_of_jpeg(data: bytes) -> int:
    """Where the first picture ends, behind its marker (ITU-T T.81, section B.1); the end of the data where there is none."""
    position = 2
    while position >= 0 and position + 4 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xD9:
            return position + 2
        if marker == 0xFF or 0xD0 <= marker <= 0xD7 or marker == 0x01:
            position += 1 if marker == 0xFF else 2
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xDA:
            position = _end_of_scan(data, position)
    return len(data)


def _end_of_scan(data: bytes, position: int) -> int:
    """The next marker that is neither a stuffed byte nor a restart."""
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        if data[position + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8)):
            return position
        position += 2 if data[position + 1] != 0xFF else 1
    return len(data)
