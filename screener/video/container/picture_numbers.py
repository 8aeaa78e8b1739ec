"""The numbers that MPEG-1 and MPEG-2 pictures carry within their group, and which of them never came.

Each group of pictures counts its own from 0 in the order of display (ISO/IEC 13818-2, section 6.3.9). Knows packets' bytes, not files.
"""

from __future__ import annotations

_GROUP, _PICTURE = b"\0\0\1\xb8", b"\0\0\1\0"
_BROKEN_LINK = 0x20
_SEARCHED_BYTES = 4096


class PictureNumbers:
    """Given each coded picture in order; `missing` counts the numbers that were left out so far."""

    def __init__(self) -> None:
        self._group: set[int] = set()
        self._groups = 0
        self._from_zero = False
        self._missing = 0

    @property
    def missing(self) -> int:
        return self._missing + (self._left_out() if self._groups else 0)

    def add(self, packet: bytes) -> None:
        head = packet[:_SEARCHED_BYTES]
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
