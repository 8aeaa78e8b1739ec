"""Streams without a container, and MPEG program streams: they begin with a start code, or their beginning was cut off."""

from __future__ import annotations

import os
from typing import BinaryIO

from screener.video.structure.walked import Walked

_SEARCHED_BYTES = 64


def raw_faults(file: BinaryIO, walked: Walked) -> int:
    """A picture stream that is only found after other bytes is what is left of something else."""
    head = file.read(_SEARCHED_BYTES)
    return int(not (head.lstrip(b"\0").startswith(b"\1") or head.startswith(b"\xff\xd8\xff")))


def mpeg_faults(file: BinaryIO, walked: Walked) -> int:
    """Begins with a pack header, or as a Video CD file does, and does not end within one."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(4)
    return int(size > len(head) and head not in (b"\0\0\1\xba", b"RIFF"))
