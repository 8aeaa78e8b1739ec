"""The units (NAL units) of H.264 and HEVC: parameter sets, orientation messages, slices.

ISO/IEC 14496-10 (H.264), ITU-T H.265 (HEVC), and ISO/IEC 14496-15 for how containers store them. Parses only the fields that are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from screener.video.container.bits import Bits, unescaped

_PREFIX = b"\0\0\1"
_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_AVC_SET, _HEVC_SET = 7, 33
_DISPLAY_ORIENTATION = 47
_SLICE_HEAD_BYTES = 32


@dataclass(frozen=True)
class Units:
    """The unit types of a codec. header_bytes: size of a unit's header. type_of: type from its first byte. slices, restarts, sets,
    messages: unit types; restarts are slices that refer to nothing before them and are not referred across. is_leading: whether a unit is a
    slice of a picture that may precede on screen the key picture which it follows in the file, and refer to pictures before that.
    """

    header_bytes: int
    type_of: Callable[[int], int]
    slices: range
    restarts: range
    sets: int
    messages: int
    is_leading: Callable[[bytes], bool]

    def found(self, data: bytes, length_bytes: int) -> list[bytes]:
        """Parameter sets at the beginning of a coded picture, and messages that give its orientation."""
        units = []
        for start, end in _units(data, length_bytes):
            kind = self.type_of(data[start])
            if kind in self.slices:
                break
            if kind == self.sets or (kind == self.messages and _turns(data[start + self.header_bytes : end()])):
                units.append(data[start : end()].rstrip(b"\0"))
        return units

    def first_slice(self, data: bytes, length_bytes: int) -> bytes:
        """The first bytes of the first slice of a coded picture; empty if it has none."""
        starts = (start for start, _ in _units(data, length_bytes) if self.type_of(data[start]) in self.slices)
        return next((data[start : start + _SLICE_HEAD_BYTES] for start in starts), b"")

    def begins_anew(self, data: bytes, length_bytes: int) -> bool:
        """Whether the first slice of a coded picture is of a type that refers to nothing before it."""
        kinds = (self.type_of(data[start]) for start, _ in _units(data, length_bytes))
        return next((kind for kind in kinds if kind in self.slices), -1) in self.restarts

    def leads(self, data: bytes, length_bytes: int) -> bool:
        """Whether the first slice of a coded picture may be one that refers across a key picture, see `is_leading`."""
        unit = self.first_slice(data, length_bytes)
        try:
            return bool(unit) and self.is_leading(unit)
        except IndexError:  # cut short
            return False

    def is_message(self, unit: bytes) -> bool:
        """Whether a unit is a message rather than a parameter set."""
        return self.type_of(unit[0]) == self.messages


def _turns(messages: bytes) -> bool:
    """Whether one of the messages is a display orientation (ISO/IEC 14496-10 and ITU-T H.265, annex D.1)."""
    position = 0
    while position + 2 < len(messages):
        kind, position = _extended(messages, position)
        size, position = _extended(messages, position)
        if kind == _DISPLAY_ORIENTATION:
            return True
        position += size
    return False


def _extended(data: bytes, position: int) -> tuple[int, int]:
    """A number coded in as many bytes as it needs, and the position after it."""
    value = 0
    while position < len(data):
        value += data[position]
        position += 1
        if data[position - 1] != 255:
            break
    return value, position


def _units(data: bytes, length_bytes: int) -> Iterator[tuple[int, Callable[[], int]]]:
    """Start of each unit, and a function that returns its end: slices are long, and usually need not be searched."""
    if length_bytes:
        start = length_bytes
        while start < len(data):
            end = start + int.from_bytes(data[start - length_bytes : start], "big")
            yield start, lambda end=end: end  # type: ignore[misc]
            start = end + length_bytes
        return
    start = data.find(_PREFIX) + 3
    while 3 <= start < len(data):
        yield start, lambda start=start: data.find(_PREFIX, start) % (len(data) + 1)  # type: ignore[misc]
        start = data.find(_PREFIX, start) + 3


def avc_configuration(record: bytes) -> tuple[list[bytes], int]:
    """Sequence parameter sets of a decoder configuration record, and the width of length fields (ISO/IEC 14496-15, section 5.3.3.1)."""
    sets, position = [], 6
    for _ in range(record[5] & 0x1F):
        length = int.from_bytes(record[position : position + 2], "big")
        sets.append(record[position + 2 : position + 2 + length])
        position += 2 + length
    return sets, (record[4] & 3) + 1


def hevc_configuration(record: bytes) -> tuple[list[bytes], int]:
    """Units of a decoder configuration record and the width of length fields (ISO/IEC 14496-15, section 8.3.3.1: arrays of units, one type
    each).
    """
    sets, position = [], 23
    for _ in range(record[22]):
        kind, count = record[position] & 0x3F, int.from_bytes(record[position + 1 : position + 3], "big")
        position += 3
        for _ in range(count):
            length = int.from_bytes(record[position : position + 2], "big")
            if kind == _HEVC_SET:
                sets.append(record[position + 2 : position + 2 + length])
            position += 2 + length
    return sets, (record[21] & 3) + 1


@dataclass(frozen=True)
class AvcSet:
    """A sequence parameter set of H.264. number_bits: width of frame_num. has_gaps: numbers may be skipped. has_planes: colour planes are
    coded separately. has_fields: field pictures are allowed.
    """

    number_bits: int
    has_gaps: bool
    has_planes: bool
    has_fields: bool


def avc_set(parameter_set: bytes) -> AvcSet:
    """Parse a sequence parameter set (ISO/IEC 14496-10, section 7.3.2.1.1). Raises IndexError if it is cut short."""
    bits = Bits(unescaped(parameter_set[1:]))
    profile = bits.take(8)
    bits.take(16)
    bits.unsigned()
    planes = 0
    if profile in _HIGH_PROFILES:
        chroma = bits.unsigned()
        if chroma == 3:
            planes = bits.take(1)
        bits.unsigned()
        bits.unsigned()
        bits.take(1)
        if bits.take(1):
            for number in range(8 if chroma != 3 else 12):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    number_bits = bits.unsigned() + 4
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()
    gaps = bits.take(1)
    bits.unsigned()
    bits.unsigned()
    return AvcSet(number_bits, bool(gaps), bool(planes), not bits.take(1))


def avc_fields(parameter_set: bytes) -> bool:
    """Whether a sequence parameter set allows field pictures."""
    return avc_set(parameter_set).has_fields


@dataclass(frozen=True)
class AvcSlice:
    """number: frame_num. is_referred_to: other pictures may be predicted from this one. is_intra: it is predicted from no other. restarts:
    nor is any later picture predicted from one before it.
    """

    number: int
    is_referred_to: bool
    is_intra: bool
    restarts: bool


def avc_slice(unit: bytes, known: AvcSet) -> AvcSlice:
    """Parse a slice header (ISO/IEC 14496-10, sections 7.3.1 and 7.3.3). unit: at least its beginning. Raises IndexError if it is cut
    short.
    """
    bits = Bits(unescaped(unit[1:_SLICE_HEAD_BYTES]))
    bits.unsigned()
    kind = bits.unsigned() % 5
    bits.unsigned()
    bits.take(2 * known.has_planes)
    return AvcSlice(bits.take(known.number_bits), bool(unit[0] & 0x60), kind in (2, 4), AVC.type_of(unit[0]) in AVC.restarts)


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def hevc_fields(parameter_set: bytes) -> bool:
    """general_interlaced_source_flag (ITU-T H.265, section 7.3.3); without it no picture may be a field."""
    return bool(unescaped(parameter_set[2:])[6] & 0x40)


def _is_bidirectional(unit: bytes) -> bool:
    """Whether a slice of H.264 is a B slice (ISO/IEC 14496-10, table 7-6)."""
    bits = Bits(unescaped(unit[1:]))
    bits.unsigned()
    return bits.unsigned() % 5 == 1


def _is_skipped(unit: bytes) -> bool:
    """Whether a slice of HEVC is of a picture that decoders skip where they begin (RASL; ITU-T H.265, table 7-1)."""
    return HEVC.type_of(unit[0]) in (8, 9)


AVC = Units(1, lambda head: head & 0x1F, range(1, 6), range(5, 6), sets=_AVC_SET, messages=6, is_leading=_is_bidirectional)
HEVC = Units(2, lambda head: head >> 1 & 0x3F, range(32), range(16, 21), sets=_HEVC_SET, messages=39, is_leading=_is_skipped)
