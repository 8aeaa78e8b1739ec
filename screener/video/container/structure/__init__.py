"""Whether a container is put together as its own rules and counts say, byte for byte and without a decoder.

Demuxers step over damage in silence: a lost cluster, a chunk whose name was hit, a packet that never came. What was lost there shows in
no decoder and in no frame count, but in the container's own chains, counters and checksums. Says only how many faults there are; what they
hit, and whether a file ends early (see `end`), is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from screener.video.container.structure.asf import asf_faults
from screener.video.container.structure.flv import flv_faults
from screener.video.container.structure.matroska import matroska_faults
from screener.video.container.structure.mp4 import mp4_faults
from screener.video.container.structure.raw import mpeg_faults, raw_faults
from screener.video.container.structure.riff import avi_faults
from screener.video.container.structure.transport import transport_faults
from screener.video.container.structure.walked import Walked

__all__ = ["Walked", "structural_faults"]


def structural_faults(path: Path, walked: Walked) -> int:
    """How many things in the container contradict each other; 0 for a whole file, and for kinds that are not looked into."""
    checks = [check for name, check in _CHECKS.items() if name in walked.formats]
    with open(path, "rb") as file:
        try:
            return sum(check(file, walked) for check in checks[:1])
        except (IndexError, ValueError, OverflowError):  # damage that not even the check can follow
            return 1


_CHECKS: dict[str, Callable[[BinaryIO, Walked], int]] = {
    "mov": mp4_faults,
    "matroska": matroska_faults,
    "avi": avi_faults,
    "asf": asf_faults,
    "flv": flv_faults,
    "mpegts": transport_faults,
    "mpeg": mpeg_faults,
    **dict.fromkeys(("mpegvideo", "h264", "hevc", "mjpeg", "m4v"), raw_faults),
}
