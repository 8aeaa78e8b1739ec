"""Damage that the coded pictures themselves show before they are decoded, where their decoders pass over it without a word.

Pictures whose number was left out, JPEGs without a scan, pictures whose time was moved far from their place. Knows packets, not files.
"""

from __future__ import annotations

from typing import Any

from av.packet import Packet

_NUMBERED = frozenset({"mpeg1video", "mpeg2video"})
_SEARCHED_BYTES = 65536
_REORDERING_FRAMES = 20  # no codec here shows a picture later than 16 after it was decoded


class PacketFaults:
    """Given each packet of one stream in order; `count` is how many faults there are so far."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._numbers = PictureNumbers()
        self._found = 0

    @property
    def count(self) -> int:
        return self._found + self._numbers.missing

    def add(self, packet: Packet[Any]) -> None:
        if self._codec in _NUMBERED:
            self._numbers.add(bytes(packet))
        elif self._codec == "mjpeg":
            self._found += not has_scan(bytes(memoryview(packet)[:_SEARCHED_BYTES]))
        if packet.is_discard and packet.pts is not None and packet.dts is not None and packet.duration:
            # An edit list leaves out pictures at its ends, not one whose time was changed.
            self._found += packet.pts - packet.dts > _REORDERING_FRAMES * packet.duration


def has_scan(jpeg: bytes) -> bool:
    """Whether the segments lead to a frame header and on to a scan (ITU-T T.81, B.1.1), as far as they are given."""
    if not jpeg.startswith(b"\xff\xd8"):
        return False
    position, components = 2, 0
    while position + 5 <= len(jpeg):
        marker, length = jpeg[position + 1], int.from_bytes(jpeg[position + 2 : position + 4], "big")
        if jpeg[position] != 0xFF:
            return False
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xDA:
            return 1 <= jpeg[position + 4] <= components and length == 6 + 2 * jpeg[position + 4]
        if 0xD0 <= marker <= 0xD9 or marker < 0xC0:
            return False
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            components = jpeg[position + 9] if position + 9 < len(jpeg) and length == 8 + 3 * jpeg[position + 9] else 0
        position += 2 + length
    return len(jpeg) >= _SEARCHED_BYTES


_GROUP, _PICTURE = b"\0\0\1\xb8", b"\0\0\1\0"
_BROKEN_LINK = 0x20
_HEAD_BYTES = 4096


class PictureNumbers:
    """Given each coded picture in order; `missing` counts the numbers that were left out so far.

    Each group of MPEG-1 and MPEG-2 pictures counts its own from 0 in the order of display (ISO/IEC 13818-2, section 6.3.9).
    """

    def __init__(self) -> None:
        self._group: set[int] = set()
        self._groups = 0
        self._from_zero = False
        self._missing = 0

    @property
    def missing(self) -> int:
        return self._missing + (self._left_out() if self._groups else 0)

    def add(self, packet: bytes) -> None:
        head = packet[:_HEAD_BYTES]
        group = head.find(_GROUP)
        if 0 <= group < len(head) - 7:
            self._missing += self._left_out() if self._groups else 0
            self._from_zero = self._groups > 0 and not head[group + 7] & _BROKEN_LINK
            self._groups += 1
            self._group = set()
        picture = head.find(_PICTURE)
        if 0 <= picture < len(head) - 5:
            self._group.add(head[picture + 4] << 2 | head[picture + 5] >> 6)

    def _left_out(self) -> int:
        if not self._group:
            return 0
        first = 0 if self._from_zero else min(self._group)
        return max(self._group) + 1 - first - len(self._group)
