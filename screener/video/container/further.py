"""Whether another recording lies behind the first in the same file, as where files were joined by `cat`.

Players and demuxers stop at the end of the first, or go on with the first one's headers. Finds the beginning of another file of the same
kind; does not read it. Kinds that may be joined like that by their own rules (transport and program streams, bare streams) have none.
"""

from __future__ import annotations

import os
import re
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


def holds_another(path: Path, formats: frozenset[str]) -> bool:
    """Whether another recording follows. formats: FFmpeg's names of the container."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if "mov" in formats:
            return _indexes(file, size) > 1
        if "ogg" in formats:
            return _begins_late(file)
        for name, magic in _MAGICS.items():
            if name in formats:
                first_end = _ENDS.get(name, _nowhere)
                return _occurs(file, magic, first_end(file, size) or _LONGEST_MAGIC)
    return False


def _nowhere(file: BinaryIO, size: int) -> None:
    return None


def _riff_end(file: BinaryIO, size: int) -> int | None:
    """Of the first chunk; 0 where it was left open."""
    return int.from_bytes(file.read(8)[4:8], "little")


def _indexes(file: BinaryIO, size: int) -> int:
    """How many boxes at the top describe tracks: a file of fragments has one for all of them."""
    position = found = 0
    for _ in range(_BOX_LIMIT):
        file.seek(position)
        header = file.read(16)
        if position + 8 > size or len(header) < 8:
            break
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        found += header[4:8] == b"moov"
        if length < 8:
            break
        position += length
    return found


def _occurs(file: BinaryIO, magic: re.Pattern[bytes], start: int) -> bool:
    if start >= os.fstat(file.fileno()).st_size:
        return False
    file.seek(start)
    kept = b""
    while block := file.read(_SEARCHED_AT_ONCE):
        if magic.search(kept + block):
            return True
        kept = block[-_LONGEST_MAGIC:]
    return False


def _begins_late(file: BinaryIO) -> bool:
    """A page of Ogg that begins a stream, behind one that does not (RFC 3533, section 4: chained bitstreams)."""
    file.seek(0)
    kept, running = b"", False
    while block := file.read(_SEARCHED_AT_ONCE):
        for page in re.finditer(rb"OggS\x00([\x00-\x07])", kept + block):
            begins = bool(page.group(1)[0] & 2)
            if begins and running:
                return True
            running = running or not begins
        kept = block[-5:]
    return False


_ENDS = {"matroska": ebml_end, "asf": asf_end, "avi": _riff_end}
"""Where the header says that the first recording ends; elsewhere, or where it does not, the whole file is searched."""
