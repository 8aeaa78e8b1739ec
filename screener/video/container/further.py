"""Whether another recording follows the first in the same file, as after joining files with `cat`.

Players and demuxers stop at the end of the first, or go on with the first one's headers. Finds the beginning of another file of the same
format, but does not read it. Formats that may be joined like this by their own rules (transport and program streams, raw streams) are not
searched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from screener.video.container.end import asf_end, ebml_end

_SEARCHED_AT_ONCE = 1 << 20
_LONGEST_MAGIC = 64
_BOX_LIMIT = 1_000_000
_MAGICS = {
    "matroska": re.compile(rb"\x1a\x45\xdf\xa3.{1,40}?\x42\x82", re.DOTALL),
    "avi": re.compile(rb"RIFF.{4}AVI ", re.DOTALL),
    "asf": re.compile(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),
    "flv": re.compile(rb"FLV\x01[\x00\x01\x04\x05]\x00\x00\x00\x09"),
    "nut": re.compile(rb"nut/multimedia container\x00"),
    "rm": re.compile(rb"\.RMF\x00\x00"),
    "ivf": re.compile(rb"DKIF\x00\x00\x20\x00"),
    "mxf": re.compile(rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02"),
}


def holds_unread(path: Path, formats: frozenset[str], read_to: int = 0) -> bool:
    """Whether another recording follows that was not read. formats: FFmpeg's names of the container. read_to: end of the last byte that the
    demuxer has read. With some formats the demuxer goes on into the next recording; then either all of it is read or the decoder complains.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if "mov" in formats:
            return _indexes(file, size) > 1
        if "ogg" in formats:
            at = _begins_late(file)
            return at is not None and read_to <= at
        for name, magic in _MAGICS.items():
            if name in formats:
                first_end = _ENDS.get(name, _nowhere)
                at = _found_at(file, magic, first_end(file, size) or _LONGEST_MAGIC)
                return at is not None and (read_to <= at or name not in _READ_ON)
    return False


def _nowhere(file: BinaryIO, size: int) -> None:
    return None


def _riff_end(file: BinaryIO, size: int) -> int | None:
    """End of the first chunk; 0 if its size is not stated."""
    return int.from_bytes(file.read(8)[4:8], "little")


def is_fragmented(path: Path) -> bool:
    """Whether an MP4 has pictures that are described by fragments and not by its index."""
    with open(path, "rb") as file:
        return b"moof" in _boxes(file, os.fstat(file.fileno()).st_size)


def _indexes(file: BinaryIO, size: int) -> int:
    """Number of top-level boxes that describe tracks: a fragmented file has one for all its fragments."""
    return sum(name == b"moov" for name in _boxes(file, size))


def _boxes(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Names of the top-level boxes of an MP4."""
    position = 0
    for _ in range(_BOX_LIMIT):
        file.seek(position)
        header = file.read(16)
        if position + 8 > size or len(header) < 8:
            break
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        yield header[4:8]
        if length < 8:
            break
        position += length


def _found_at(file: BinaryIO, magic: re.Pattern[bytes], start: int) -> int | None:
    if start >= os.fstat(file.fileno()).st_size:
        return None
    file.seek(start)
    kept = b""
    while block := file.read(_SEARCHED_AT_ONCE):
        if match := magic.search(kept + block):
            return start - len(kept) + match.start()
        start += len(block)
        kept = (kept + block)[-_LONGEST_MAGIC:]
    return None


def _begins_late(file: BinaryIO) -> int | None:
    """Position of an Ogg page that begins a stream and follows one that does not (RFC 3533, section 4: chained bitstreams)."""
    file.seek(0)
    kept, at, running = b"", 0, False
    while block := file.read(_SEARCHED_AT_ONCE):
        for page in re.finditer(rb"OggS\x00([\x00-\x07])", kept + block):
            begins = bool(page.group(1)[0] & 2)
            if begins and running:
                return at - len(kept) + page.start()
            running = running or not begins
        at += len(block)
        kept = block[-5:]
    return None


_READ_ON = frozenset({"matroska", "avi"})
_ENDS = {"matroska": ebml_end, "asf": asf_end, "avi": _riff_end}
"""Where the header says that the first recording ends. For other formats, or if the header does not say, the whole file is searched."""
