"""Checks whether a container follows its own rules and counts, byte for byte and without a decoder.

Demuxers silently skip damage: a lost cluster, a chunk with a damaged name, a missing packet. Such a loss shows in no decoder and no frame
count, but in the container's own chains, counters and checksums. Only counts the faults: what they affect, and whether a file ends early
(see `end`), is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from screener.video.container.structure.asf import asf_faults
from screener.video.container.structure.flv import flv_faults
from screener.video.container.structure.matroska import examine_matroska
from screener.video.container.structure.mp4 import mp4_faults
from screener.video.container.structure.raw import examine_programs, raw_faults
from screener.video.container.structure.riff import avi_faults
from screener.video.container.structure.transport import examine_transport
from screener.video.container.structure.walked import Findings, Walked

__all__ = ["Findings", "Walked", "examined"]


def examined(path: Path, walked: Walked) -> Findings:
    """Faults in a file's container; none for formats that are not examined."""
    checks = [check for name, check in _CHECKS.items() if name in walked.formats]
    with open(path, "rb") as file:
        try:
            for check in checks[:1]:
                found = check(file, walked)
                return found if isinstance(found, Findings) else Findings(found)
        except (IndexError, ValueError, OverflowError):  # damage that not even this check can follow
            return Findings(1)
    return Findings()


_CHECKS: dict[str, Callable[[BinaryIO, Walked], int | Findings]] = {
    "mov": mp4_faults,
    "matroska": examine_matroska,
    "avi": avi_faults,
    "asf": asf_faults,
    "flv": flv_faults,
    "mpegts": examine_transport,
    "mpeg": examine_programs,
    **dict.fromkeys(("mpegvideo", "h264", "hevc", "mjpeg", "m4v"), raw_faults),
}
