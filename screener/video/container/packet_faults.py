"""Finds damage in coded pictures before they are decoded, of kinds that their decoders ignore silently.

Skipped picture numbers (MPEG-1, MPEG-2 and H.264), JPEGs without a scan, holes of zeros, pictures whose time was moved far from their
place. Knows packets, not files.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from av.packet import Packet

from screener.video.container.units import AVC, AvcSet, AvcSlice, avc_configuration, avc_set, avc_slice

_NUMBERED = frozenset({"mpeg1video", "mpeg2video"})
_SEARCHED_BYTES = 65536
_SILENT = frozenset({"hevc", "vvc", "vp8", "vp9", "av1"})
"""Codecs of which hardly any wrong bit is an error to a decoder."""

_HOLE = bytes(256)
"""So many zeros are no coded picture: in clips of these codecs, black ones too, the longest run had 10."""

_REORDERING_FRAMES = 20  # no codec here shows a picture later than 16 after it was decoded


class PacketFaults:
    """Pass each packet of one stream to `add`, in order."""

    def __init__(self, codec: str, extradata: bytes | None = None) -> None:
        self._codec = codec
        self._numbers = PictureNumbers()
        self._references = ReferenceNumbers(extradata or b"")
        self._found = 0
        self.holes = 0

    @property
    def count(self) -> int:
        """Number of faults found so far; `holes` of them are packets with a hole."""
        return self._found + self.holes + self._numbers.missing + self._references.gaps

    def add(self, packet: Packet[Any]) -> None:
        """Check the next packet."""
        if self._codec in _NUMBERED:
            self._numbers.add(bytes(packet))
        elif self._codec == "h264":
            if packet.has_sidedata("new_extradata"):
                self._references.configure(bytes(packet.get_sidedata("new_extradata")))
            self._references.add(bytes(packet), is_key=packet.is_keyframe)
        elif self._codec == "mjpeg":
            self._found += not has_scan(bytes(memoryview(packet)[:_SEARCHED_BYTES]))
        self.holes += has_hole(packet, self._codec)
        if packet.is_discard and packet.pts is not None and packet.dts is not None and packet.duration:
            # An edit list hides pictures at its ends; a picture far from its place is one whose time was changed.
            self._found += packet.pts - packet.dts > _REORDERING_FRAMES * packet.duration


def has_hole(packet: Packet[Any], codec: str) -> bool:
    """Whether part of a coded picture is zeros, as where a download left out a part of the file. False for codecs whose decoders tell.

    Zeros at the end of a packet or in front of a start code may be padding.
    """
    if codec not in _SILENT:
        return False
    coded = bytes(packet).rstrip(b"\0")
    start = coded.find(_HOLE)
    while start >= 0:
        end = len(coded) - len(coded[start:].lstrip(b"\0"))
        if coded[end] != 1:
            return True
        start = coded.find(_HOLE, end)
    return not coded and packet.size >= len(_HOLE)


def has_scan(jpeg: bytes) -> bool:
    """Whether a JPEG's segments lead to a frame header and on to a scan (ITU-T T.81, B.1.1), as far as `jpeg` reaches."""
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
    """Counts skipped picture numbers of MPEG-1 and MPEG-2. Pass each coded picture to `add`, in order.

    Each group numbers its pictures from 0 in display order (temporal_reference, ISO/IEC 13818-2, section 6.3.9).
    """

    def __init__(self) -> None:
        self._group: set[int] = set()
        self._groups = 0
        self._from_zero = False
        self._missing = 0

    @property
    def missing(self) -> int:
        """How many numbers were skipped so far."""
        return self._missing + (self._left_out() if self._groups else 0)

    def add(self, packet: bytes) -> None:
        """Note the numbers in the next packet."""
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


class ReferenceNumbers:
    """Counts in `gaps` the places where reference pictures of H.264 are missing. Pass each coded picture to `add`, in decoding order.

    Each reference picture has the number after the previous one, unless the parameter set allows gaps (frame_num, ISO/IEC 14496-10, section
    7.4.3). A key picture may begin another recording, in which case the pictures right after it need not be complete.
    """

    def __init__(self, extradata: bytes = b"") -> None:
        self.gaps = 0
        self._length_bytes = 0
        self._sets: set[AvcSet] = set()
        self._last: AvcSlice | None = None
        self._is_free = True
        self.configure(extradata)

    def configure(self, extradata: bytes) -> None:
        """Read the parameter sets of a decoder configuration record or of a raw stream."""
        with suppress(IndexError):
            if extradata[:1] == b"\1":
                sets, self._length_bytes = avc_configuration(extradata)
            else:
                sets = AVC.found(extradata, 0)
            self._sets |= {avc_set(one) for one in sets if one and not AVC.is_message(one)}

    def add(self, packet: bytes, is_key: bool) -> None:
        """Note the number of the next coded picture."""
        with suppress(IndexError):  # damage of another kind, which is not counted here
            if is_key and not self._length_bytes:
                self.configure(packet)
            unit = AVC.first_slice(packet, self._length_bytes)
            if len(self._sets) != 1 or not unit:
                return
            (known,) = self._sets
            found = avc_slice(unit, known)
            follows = self._last is None or self._may_follow(found, self._last, 1 << known.number_bits)
            self.gaps += not (follows or known.has_gaps or is_key or self._is_free)
            self._is_free = is_key and not found.restarts
            self._last = found if found.is_referred_to or not follows else self._last

    @staticmethod
    def _may_follow(found: AvcSlice, last: AvcSlice, numbers: int) -> bool:
        # A picture may reset the count (memory_management_control_operation 5); only an intra picture is accepted as doing so.
        return found.number in (last.number, (last.number + 1) % numbers) or (last.is_intra and found.number <= 1)
