"""Flash video: the chain of tags, each followed by its own length (Adobe's specification, version 10.1, annex E)."""

from __future__ import annotations

import os
from typing import BinaryIO

from screener.video.container.structure.walked import Walked

_AUDIO, _VIDEO, _SCRIPT = 8, 9, 18
_AVC = 7
_PROGRESS_TAGS = 4096


def flv_faults(file: BinaryIO, walked: Walked) -> int:
    """Number of faults in the chain of tags."""
    size = os.fstat(file.fileno()).st_size
    header = file.read(9)
    position = int.from_bytes(header[5:9], "big") + 4
    faults, tags = 0, 0
    codecs: set[int] = set()
    while position + 11 <= size:
        file.seek(position)
        tag = file.read(17)
        length, kind = int.from_bytes(tag[1:4], "big"), tag[0] & 0x1F
        file.seek(position + 11 + length)
        back = file.read(4)
        tags += 1
        if tags % _PROGRESS_TAGS == 0:
            walked.alive()
        if kind not in (_AUDIO, _VIDEO, _SCRIPT) or any(tag[8:11]):  # the stream ID is always 0
            return faults + 1
        if len(back) == 4 and int.from_bytes(back, "big") not in (length, length + 11, 0):
            return faults + 1
        if kind == _VIDEO and length and len(tag) > 11 and not tag[11] & 0x80:
            codecs.add(tag[11] & 0x0F)
            faults += tag[11] & 0x0F == _AVC and not _is_avc(tag[12:17])
        position += 15 + length
    return faults + (len(codecs) > 1) + (position != size)


def _is_avc(start: bytes) -> bool:
    """Whether this starts a configuration (0, followed by its version number), coded pictures (1), or the end (2)."""
    return start[:1] in (b"\1", b"\2") or (start[:1] == b"\0" and start[4:5] == b"\1")
