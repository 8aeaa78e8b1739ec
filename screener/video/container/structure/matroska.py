"""Matroska and WebM: the chain of elements, their checksums, and tracks that every block must belong to (RFC 9559, RFC 8794)."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from screener.video.container.structure.walked import Findings, Walked

_EBML, _SEGMENT, _CLUSTER, _TRACKS, _CUES = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B, 0x1C53BB6B
_VOID, _CRC = 0xEC, 0xBF
_SEEK, _INFO, _ATTACHMENTS, _CHAPTERS, _TAGS = 0x114D9B74, 0x1549A966, 0x1941A469, 0x1043A770, 0x1254C367
_TOP = frozenset({_SEEK, _INFO, _TRACKS, _CLUSTER, _CUES, _ATTACHMENTS, _CHAPTERS, _TAGS, _VOID, _CRC})
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = 0xA3, 0xA0, 0xA1
_IN_CLUSTER = frozenset({0xE7, 0xA7, 0xAB, 0x5854, 0xAF, _SIMPLE_BLOCK, _BLOCK_GROUP, _VOID, _CRC})
_IN_GROUP = frozenset({_BLOCK, 0xA2, 0x75A1, 0x9B, 0xFA, 0xFB, 0xFD, 0xA4, 0x75A2, 0x8E, 0xC8, _VOID, _CRC})
_TRACK_ENTRY, _TRACK_NUMBER, _TRACK_TYPE, _VIDEO = 0xAE, 0xD7, 0x83, 1
_RESERVED_BITS, _LACING_BITS = 0x70, 0x06
_CHECKED = frozenset({_CLUSTER, _TRACKS, _INFO})
_CHECKED_BYTES = 256 << 20
_READ_BYTES = 1 << 20


@dataclass
class _Chain:
    """faults: number found so far. is_open: the length of the recording is unknown. is_cut: the file ends within an element. tracks: number
    -> type of the tracks that the header declares.
    """

    walked: Walked
    faults: int = 0
    is_open: bool = False
    is_cut: bool = False
    tracks: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Element:
    """start, end: of its content; end is None if its size is unknown."""

    id: int
    start: int
    end: int | None


def examine_matroska(file: BinaryIO, walked: Walked) -> Findings:
    """Check the chain. If the size of a segment is unknown, as in a live recording, only its last element can show that it was cut."""
    chain = _Chain(walked)
    faults = _faults(file, chain)
    return Findings(faults, is_cut=chain.is_cut and chain.is_open)


def _faults(file: BinaryIO, chain: _Chain) -> int:
    size = os.fstat(file.fileno()).st_size
    head = _element(file, 0)
    segment = _element(file, head.end) if head and head.id == _EBML and head.end else None
    if segment is None or segment.id != _SEGMENT:
        return 1
    chain.is_open = segment.end is None
    end = size if segment.end is None else min(segment.end, size)
    position = segment.start
    while position < end:
        chain.walked.alive()
        element = _element(file, position)
        if (
            element is not None and element.id == _EBML and element.end is not None
        ):  # another recording follows this one, whose size is unknown
            position = element.end
            continue
        if element is not None and element.id == _SEGMENT:
            position = element.start
            continue
        if element is None or element.id not in _TOP or (element.end is None and element.id != _CLUSTER):
            chain.is_cut |= element is None and end - position <= 16  # cut within a header
            return chain.faults + (end - position > 16)
        limit = end if element.end is None else min(element.end, end)
        chain.is_cut |= element.end is not None and element.end > size
        if element.id in _CHECKED and element.end is not None and element.end <= size:
            chain.faults += not _sum_holds(file, element)
        if element.id == _TRACKS:
            chain.tracks |= _tracks(file, element.start, limit)
        position = _cluster(file, element, limit, chain) if element.id == _CLUSTER else limit
        if position < 0:
            return chain.faults + 1
    return chain.faults


def _cluster(file: BinaryIO, cluster: _Element, limit: int, chain: _Chain) -> int:
    """Check the blocks of a cluster; returns where the cluster ends, or -1 if the chain breaks."""
    position = cluster.start
    while position < limit:
        child = _element(file, position)
        if child is not None and cluster.end is None and child.id in _TOP - {_VOID, _CRC}:
            return position
        if child is None or child.end is None or child.id not in _IN_CLUSTER:
            return -1
        if child.end > limit:
            # The last block of a file that was cut; elsewhere it is a contradiction between lengths.
            chain.is_cut |= child.end > os.fstat(file.fileno()).st_size
            return limit if limit == os.fstat(file.fileno()).st_size else -1
        if child.id == _SIMPLE_BLOCK:
            _note_block(file, child, chain)
        elif child.id == _BLOCK_GROUP and not _group(file, child, chain):
            return -1
        position = child.end
    return limit


def _group(file: BinaryIO, group: _Element, chain: _Chain) -> bool:
    position, end = group.start, group.end or group.start
    while position < end:
        child = _element(file, position)
        if child is None or child.end is None or child.id not in _IN_GROUP or child.end > end:
            return False
        if child.id == _BLOCK:
            _note_block(file, child, chain)
        position = child.end
    return True


def _note_block(file: BinaryIO, block: _Element, chain: _Chain) -> None:
    """Check track, time and flags of a block; video is never laced."""
    number = _number(file, block.start)
    if not chain.tracks:
        return
    if number is None or number[0] not in chain.tracks:
        chain.faults += 1
        return
    file.seek(block.start + number[1] + 2)
    flags = file.read(1) or b"\0"
    laced = chain.tracks[number[0]] == _VIDEO and flags[0] & _LACING_BITS
    chain.faults += bool(flags[0] & _RESERVED_BITS or laced)


def _tracks(file: BinaryIO, start: int, end: int) -> dict[int, int]:
    found: dict[int, int] = {}
    position = start
    while position < end and (entry := _element(file, position)) and entry.end is not None:
        values = {_TRACK_NUMBER: -1, _TRACK_TYPE: 0}
        inner = entry.start
        while entry.id == _TRACK_ENTRY and inner < min(entry.end, end) and (child := _element(file, inner)) and child.end is not None:
            if child.id in values:
                file.seek(child.start)
                values[child.id] = int.from_bytes(file.read(min(8, child.end - child.start)), "big")
            inner = child.end
        found[values[_TRACK_NUMBER]] = values[_TRACK_TYPE]
        position = entry.end
    return found


def _sum_holds(file: BinaryIO, element: _Element) -> bool:
    """Whether the CRC-32 element that may start an element matches the content after it."""
    first = _element(file, element.start)
    end = element.end or element.start
    if first is None or first.id != _CRC or first.end != first.start + 4 or end - element.start > _CHECKED_BYTES:
        return True
    file.seek(first.start)
    wanted = int.from_bytes(file.read(4), "little")
    actual, left = 0, end - first.end
    while left > 0 and (block := file.read(min(left, _READ_BYTES))):
        actual = zlib.crc32(block, actual)
        left -= len(block)
    return actual == wanted


def _element(file: BinaryIO, position: int) -> _Element | None:
    """The element whose header begins there, or None."""
    file.seek(position)
    head = file.read(12)
    width = 9 - head[0].bit_length() if head and head[0] else 9
    if width > 4 or len(head) <= width:
        return None
    size_width = 9 - head[width].bit_length() if head[width] else 9
    if size_width > 8 or len(head) < width + size_width:
        return None
    length = int.from_bytes(head[width : width + size_width], "big") & ((1 << 7 * size_width) - 1)
    start = position + width + size_width
    return _Element(int.from_bytes(head[:width], "big"), start, None if length == (1 << 7 * size_width) - 1 else start + length)


def _number(file: BinaryIO, position: int) -> tuple[int, int] | None:
    """An EBML variable-size number and its width in bytes."""
    file.seek(position)
    head = file.read(8)
    if not head or not head[0]:
        return None
    width = 9 - head[0].bit_length()
    return int.from_bytes(head[:width], "big") & ((1 << 7 * width) - 1), width
