"""Raw streams and MPEG program streams: they begin with a start code, unless their beginning was cut off."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from screener.video.container.structure.programmes import video_of_program_stream
from screener.video.container.structure.walked import Findings, Walked

_BEGINNING = re.compile(rb"\x00{2,32}\x01|\xff\xd8\xff")
_SEARCHED_BYTES = 64
_READ_BYTES = 1 << 20


def raw_faults(file: BinaryIO, walked: Walked) -> int:
    """1 if the stream does not begin with a start code, which means that its beginning is lost."""
    return int(not _BEGINNING.match(file.read(_SEARCHED_BYTES)))


def examine_programs(file: BinaryIO, walked: Walked) -> Findings:
    """Check that a program stream begins with a pack header or a Video CD header and does not end within a pack, and count its video
    streams.
    """
    size = os.fstat(file.fileno()).st_size
    head = file.read(4)
    videos: set[int] = set()
    kept = b""
    while block := file.read(_READ_BYTES):
        walked.alive()
        videos |= video_of_program_stream(kept + block)
        kept = block[-4:]
    return Findings(int(size > len(head) and head not in (b"\0\0\1\xba", b"RIFF")), videos=len(videos))
