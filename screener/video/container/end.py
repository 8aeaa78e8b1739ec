"""Compares where a container says that it ends, in bytes, with where the file really ends.

Reads only box and chunk headers. Containers that state no end (program streams, raw streams, FLV, files written to a pipe) give None: their
size does not tell whether they are whole. A transport stream that ends within a packet is cut; otherwise it gives None too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_RIFF_SIZES = (0, 0xFFFFFFFF)
_EBML_MAGIC = b"\x1a\x45\xdf\xa3"
_SEGMENT_ID = b"\x18\x53\x80\x67"
_ASF_MAGIC = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEADER_BYTES = 65536
_TRANSPORT_PACKETS = ((188, 0), (192, 4), (204, 0))
_BOX_LIMIT = 1_000_000
_INDEX_BYTES = 64 << 20
_TOP_BOXES = frozenset(
    {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"mfra", b"sidx", b"ssix", b"meta", b"uuid", b"emsg", b"prft"}
)
"""Names of boxes at the top level of a file. Text that a program appended after the last box contains none of these."""


def ends_early(path: Path) -> bool | None:
    """True if the file is shorter than its container says, False if it is whole, None if the container does not say."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(16)
        for matches, promise in _PROMISES:
            if matches(head):
                file.seek(0)
                end = promise(file, size)
                return None if end is None else end > size
    return None


def _mp4_end(file: BinaryIO, size: int) -> int | None:
    """End of the last top-level box. A box of size 0 reaches to the end of the file.

    After an index and its media data, and where no fragments follow, a few bytes or text that a program appended are not taken for a
    truncated box.
    """
    position, seen = 0, set[bytes]()
    for _ in range(_BOX_LIMIT):
        if position >= size:
            return position
        file.seek(position)
        header = file.read(16)
        settled = seen >= {b"moov", b"mdat"} and not seen & {b"mvex", b"moof"}
        if len(header) < 8:
            return position if settled else position + 8
        name, length = header[4:8], int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0:
            return None
        foreign = not name.isascii() or (settled and name not in _TOP_BOXES and position + length > size)
        if length < 8 or foreign:
            return position  # not a box: foreign bytes after the last one
        seen.add(name)
        if name == b"moov" and b"mvex" in _content(file, position + 8, length):
            seen.add(b"mvex")
        position += length
    return None


def _content(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(min(length, _INDEX_BYTES))


def _riff_end(file: BinaryIO, size: int) -> int | None:
    """End of the last RIFF chunk: AVI files of over 1 GiB hold several in a row."""
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(8)
        if header[:4] != b"RIFF":
            break
        length = int.from_bytes(header[4:8], "little")
        if length in _UNKNOWN_RIFF_SIZES:
            return None
        position += 8 + length
    return position


def ebml_end(file: BinaryIO, size: int) -> int | None:
    """End of the first Matroska segment; None if its size is unknown, as in a live recording."""
    file.seek(4)
    header_length = _ebml_number(file)
    if header_length is None:
        return None
    file.seek(header_length, os.SEEK_CUR)
    if file.read(4) != _SEGMENT_ID:
        return None
    length = _ebml_number(file)
    return None if length is None else file.tell() + length


def _ebml_number(file: BinaryIO) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(width - 1), "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value


def _gif_end(file: BinaryIO, size: int) -> int:
    """A whole GIF ends with a trailer byte, after which some writers add padding."""
    file.seek(max(0, size - 64))
    return size if file.read().rstrip(b"\0").endswith(b"\x3b") else size + 1


def asf_end(file: BinaryIO, size: int) -> int | None:
    """The size in the file properties object (ASF specification, section 3.2); None in a live recording, which does not state it."""
    head = file.read(_ASF_HEADER_BYTES)
    at = head.find(_ASF_PROPERTIES)
    return (int.from_bytes(head[at + 40 : at + 48], "little") or None) if at >= 0 else None


def _transport_end(file: BinaryIO, size: int) -> int | None:
    """Packets of 188 bytes, in some recordings with a time stamp or a checksum each; None if the last packet is whole."""
    head = file.read(5 * 204)
    for length, start in _TRANSPORT_PACKETS:
        if len(head) > start + 4 * length and all(head[start + number * length] == 0x47 for number in range(5)):
            return size + 1 if size % length else None
    return None


_PROMISES: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int], int | None]], ...] = (
    (lambda head: head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"styp"), _mp4_end),
    (lambda head: head[:4] == b"RIFF", _riff_end),
    (lambda head: head[:4] == _EBML_MAGIC, ebml_end),
    (lambda head: head[:6] in (b"GIF87a", b"GIF89a"), _gif_end),
    (lambda head: head == _ASF_MAGIC, asf_end),
    (lambda head: b"\x47" in (head[:1], head[4:5]), _transport_end),
)
