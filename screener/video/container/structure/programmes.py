"""Which video a transport or program stream carries, according to its own tables and headers over the whole file.

FFmpeg only lists the streams that it finds at the beginning, and misses a programme that starts later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

_VIDEO_TYPES = frozenset({0x01, 0x02, 0x10, 0x1B, 0x20, 0x24, 0x33, 0x42, 0xD1, 0xD2, 0xEA})
"""Stream types by ISO/IEC 13818-1, table 2-34, and by common use: MPEG-1, MPEG-2, MPEG-4, H.264, HEVC, VVC, AVS, Dirac, VC-1."""

_PROGRAMMES = 0
_VIDEO_PACKET = re.compile(rb"\x00\x00\x01([\xe0-\xef])")


class Programmes:
    """Pass the packets of a transport stream to `add`, in order."""

    def __init__(self) -> None:
        self._maps: set[int] = set()
        self._announced: set[int] = set()
        self._present: set[int] = set()
        self._seen: set[bytes] = set()

    @property
    def video(self) -> set[int]:
        """Packet identifiers of the video streams that are announced and have packets."""
        return self._announced & self._present

    def add(self, packets: NDArray[np.uint8], identifiers: NDArray[np.uint16]) -> None:
        """packets: (n, 188) uint8. identifiers: (n,) packet identifier of each."""
        self._present |= set(np.flatnonzero(np.bincount(identifiers)).tolist())
        for section in self._sections(packets, identifiers, {_PROGRAMMES}):
            self._maps |= set(_map_identifiers(section))
        for section in self._sections(packets, identifiers, self._maps):
            self._announced |= set(_video_identifiers(section))

    def _sections(self, packets: NDArray[np.uint8], identifiers: NDArray[np.uint16], wanted: Iterable[int]) -> Iterator[bytes]:
        """Tables that begin in a packet with one of the wanted identifiers, each once."""
        chosen = packets[np.isin(identifiers, list(wanted)) & (packets[:, 1] & 0x40 > 0) & (packets[:, 3] & 0x10 > 0)]
        for data in (packet.tobytes() for packet in chosen[:, 4:]):
            if data not in self._seen:
                self._seen.add(data)
                yield data[1 + data[0] :]


def _map_identifiers(section: bytes) -> Iterator[int]:
    """Identifiers of the program maps in a program association section (ISO/IEC 13818-1, section 2.4.4.3)."""
    for at in range(8, _end_of(section, 0x00), 4):
        if section[at : at + 2] != b"\0\0":
            yield int.from_bytes(section[at + 2 : at + 4], "big") & 0x1FFF


def _video_identifiers(section: bytes) -> Iterator[int]:
    """Identifiers of the video streams in a program map section (ISO/IEC 13818-1, section 2.4.4.8)."""
    end = _end_of(section, 0x02)
    at = 12 + (int.from_bytes(section[10:12], "big") & 0x0FFF)
    while at + 5 <= end:
        if section[at] in _VIDEO_TYPES:
            yield int.from_bytes(section[at + 1 : at + 3], "big") & 0x1FFF
        at += 5 + (int.from_bytes(section[at + 3 : at + 5], "big") & 0x0FFF)


def _end_of(section: bytes, table: int) -> int:
    """Where the entries of a table end; 0 if the section is another table."""
    if len(section) < 12 or section[0] != table:
        return 0
    return min(len(section), 3 + (int.from_bytes(section[1:3], "big") & 0x0FFF) - 4)


def video_of_program_stream(block: bytes) -> set[int]:
    """Stream numbers of the video in a piece of an MPEG program stream. A coded picture cannot contain the start codes that announce it."""
    return {match[0] for match in _VIDEO_PACKET.findall(block)}
