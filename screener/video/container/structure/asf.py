"""ASF and WMV: the data packets, and the numbers and offsets of the coded pictures spread over them (ASF, revision 01.20.03)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from screener.video.container.structure.walked import Walked

_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_HEADER_LIMIT = 4 << 20
_WIDTHS = (0, 1, 2, 4)
_PROGRESS_PACKETS = 4096


class _BrokenError(Exception):
    """Something that should be a data packet is not one."""


@dataclass
class _Expected:
    """The expected next piece of the video: number of its picture, offset within it, and size of that picture."""

    number: int | None = None
    offset: int = 0
    size: int = 0
    faults: int = 0

    def take(self, number: int, bits: int, offset: int, size: int, length: int) -> None:
        if self.number is not None and (number != self.number or offset != self.offset):
            following = (self.number + 1) % (1 << bits)
            ended = self.offset >= self.size
            self.faults += not (ended and number == following and offset == 0)
        self.number, self.offset, self.size = number, offset + length, size


def asf_faults(file: BinaryIO, walked: Walked) -> int:
    """Number of faults in the data packets of the video; packets of varying size are not examined."""
    header_size = int.from_bytes(file.read(24)[16:24], "little")
    file.seek(0)
    header = file.read(min(header_size, _HEADER_LIMIT))
    at = header.find(_FILE_PROPERTIES)
    file.seek(header_size)
    data = file.read(50)
    if at < 0 or data[:16] != _DATA:
        return 1
    smallest, largest = (int.from_bytes(header[at + place : at + place + 4], "little") for place in (92, 96))
    if smallest != largest or not 32 <= smallest <= 1 << 20:
        return 0
    size = int.from_bytes(data[16:24], "little")
    left = (min(header_size + size, os.fstat(file.fileno()).st_size) - header_size - 50) // smallest
    expected = _Expected()
    for number in range(left):
        if number % _PROGRESS_PACKETS == 0:
            walked.alive()
        try:
            _packet(file.read(smallest), walked.stream_id, expected)
        except (_BrokenError, IndexError):
            return expected.faults + 1
    return expected.faults


class _Bytes:
    """Reads little-endian fields of one packet in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, width: int) -> int:
        if self.at + width > len(self.data):
            raise _BrokenError
        self.at += width
        return int.from_bytes(self.data[self.at - width : self.at], "little")


def _packet(data: bytes, stream_id: int, expected: _Expected) -> None:
    """Check one data packet (sections 5.2.2 to 5.2.4)."""
    field = _Bytes(data)
    lengths = field.take(1)
    if lengths & 0x80:
        if lengths & 0x60:
            raise _BrokenError
        field.take(lengths & 0x0F)
        lengths = field.take(1)
    properties = field.take(1)
    if properties >> 6 & 3 != 1:
        raise _BrokenError
    whole = field.take(_WIDTHS[lengths >> 5 & 3]) or len(data)
    field.take(_WIDTHS[lengths >> 1 & 3])
    padding = field.take(_WIDTHS[lengths >> 3 & 3])
    field.take(6)
    several = bool(lengths & 1)
    flags = field.take(1) if several else 1
    for _ in range(flags & 0x3F):
        _payload(field, properties, flags >> 6 if several else None, min(whole, len(data)) - padding, stream_id, expected)


def _payload(field: _Bytes, properties: int, length_type: int | None, end: int, stream_id: int, expected: _Expected) -> None:
    stream = field.take(1) & 0x7F
    width = _WIDTHS[properties >> 4 & 3]
    number = field.take(width)
    offset = field.take(_WIDTHS[properties >> 2 & 3])
    replicated = field.take(_WIDTHS[properties & 3])
    size = field.take(4) if replicated >= 8 else 0
    field.take(replicated - 4 if replicated >= 8 else replicated)
    length = end - field.at if length_type is None else field.take(_WIDTHS[length_type])
    if length < 0 or field.at + length > len(field.data):
        raise _BrokenError
    field.at += length
    if stream == stream_id and replicated >= 8 and width:
        expected.take(number, 8 * width, offset, size, length)
