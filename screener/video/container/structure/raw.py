"""Streams without a container, and MPEG program streams: they begin with a start code, or their beginning was cut off."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from screener.video.container.structure.walked import Walked

_BEGINNING = re.compile(rb"\x00{2,32}\x01|\xff\xd8\xff")
_SEARCHED_BYTES = 64


def raw_faults(file: BinaryIO, walked: Walked) -> int:
    """A picture stream that is only found after other bytes is what is left of something else."""
    return int(not _BEGINNING.match(file.read(_SEARCHED_BYTES)))


def mpeg_faults(file: BinaryIO, walked: Walked) -> int:
    """Begins with a pack header, or as a Video CD file does, and does not end within one."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(4)
    return int(size > len(head) and head not in (b"\0\0\1\xba", b"RIFF"))
