"""Checks a coded JPEG with libjpeg, which reports damage that FFmpeg's decoder ignores, and finds where a JPEG in a file ends."""

from __future__ import annotations

import re

import cv2
import numpy as np

from screener.video.ledger import Complaints

_END = b"\xff\xd9"
_COMMON_FRAME = re.compile(rb"\xff[\xc0-\xc2]\x00.\x08", re.DOTALL)
"""A frame header that libjpeg decodes: 8 bits, baseline or progressive."""


def decodes_whole(jpeg: bytes, complaints: Complaints) -> bool:
    """Whether libjpeg finds as many coded blocks as the size requires, and no other error. True if its messages cannot be heard."""
    sound = _without_padding(jpeg)
    complaints.new()
    # Decoding at an eighth of the size still reads every bit, and produces few pixels.
    picture = cv2.imdecode(np.frombuffer(sound, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    heard = complaints.new()
    return not heard if picture is not None else not _COMMON_FRAME.search(sound)


def _without_padding(jpeg: bytes) -> bytes:
    """The JPEG without the padding that some cameras add before or after the end marker, which is not damage."""
    end = jpeg.rfind(_END)
    body = jpeg[:end] if end > 0 else jpeg
    if body.endswith(b"\0\0\0"):
        body = body.rstrip(b"\0")
        body += b"\0" * body.endswith(b"\xff")  # restores the stuffed byte after a coded 255
    return body + _END


def end_of_jpeg(data: bytes) -> int:
    """Position after the end marker of the first picture (ITU-T T.81, section B.1); the end of the data if there is none."""
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
    """Position of the next marker that is neither a stuffed byte nor a restart."""
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        if data[position + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8)):
            return position
        position += 2 if data[position + 1] != 0xFF else 1
    return len(data)
