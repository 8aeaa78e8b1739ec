"""AVI: the chain of chunks, and the number of coded pictures against the header's (OpenDML AVI 1.02)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import BinaryIO

from screener.video.container.structure.walked import Walked

_MOVIE_CHUNK = re.compile(rb"\d\d[A-Za-z_]{2}|ix\d\d|JUNK|LIST|idx1")
_PROGRESS_CHUNKS = 4096


@dataclass
class _Chain:
    """What was found. pictures: stream number -> chunks that hold coded pictures. promised: stream number -> frames, according
    to headers.
    """

    walked: Walked
    faults: int = 0
    riffs: int = 0
    chunks: int = 0
    streams: int = 0
    pictures: dict[int, int] = field(default_factory=dict)
    promised: dict[int, int] = field(default_factory=dict)


def avi_faults(file: BinaryIO, walked: Walked) -> int:
    """Number of faults in the chain of chunks and the picture counts."""
    chain = _Chain(walked)
    size = os.fstat(file.fileno()).st_size
    position = 0
    while position + 12 <= size:
        file.seek(position)
        header = file.read(12)
        if header[:4] != b"RIFF":
            break
        end = position + 8 + int.from_bytes(header[4:8], "little")
        chain.riffs += 1
        _walk(file, position + 12, min(end, size), b"", chain)
        position = end + end % 2
    return chain.faults + _miscounted(chain)


def _walk(file: BinaryIO, position: int, end: int, inside: bytes, chain: _Chain, depth: int = 0) -> None:
    while position + 8 <= end:
        file.seek(position)
        header = file.read(12)
        name, length = header[:4], int.from_bytes(header[4:8], "little")
        following = position + 8 + length + length % 2
        chain.chunks += 1
        if chain.chunks % _PROGRESS_CHUNKS == 0:
            chain.walked.alive()
        if not name.isascii() or following > end + 1 or (inside in (b"movi", b"rec ") and not _MOVIE_CHUNK.fullmatch(name)):
            chain.faults += 1
            return
        if name == b"LIST" and depth < 4:
            _walk(file, position + 12, position + 8 + length, header[8:12], chain, depth + 1)
        elif name == b"strh":
            _note_stream(file.read(length - 4) if length < 4096 else b"", chain)
        elif inside in (b"movi", b"rec ") and name[:2].isdigit() and name[2:] in (b"dc", b"db", b"DC", b"DB"):
            chain.pictures[int(name[:2])] = chain.pictures.get(int(name[:2]), 0) + 1
        position = following


def _note_stream(rest: bytes, chain: _Chain) -> None:
    """rest: a stream header after its type. The number of frames is at byte 32 of the whole header."""
    chain.promised[chain.streams] = int.from_bytes(rest[28:32], "little")
    chain.streams += 1


def _miscounted(chain: _Chain) -> int:
    """Streams with fewer pictures than the header states, or more. Some writers count only those of the first RIFF chunk, so more are
    accepted if there are several.
    """
    stream = chain.walked.stream_index
    promised, found = chain.promised.get(stream, 0), chain.pictures.get(stream, 0)
    if not promised or not found:
        return 0
    return int(found < promised or (found > promised and chain.riffs == 1))
