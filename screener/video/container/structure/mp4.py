"""MP4 and QuickTime: the chain of boxes, and tables of a track that must agree on the number of samples (ISO/IEC 14496-12)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from screener.video.container.structure.fragments import PARTS, Fragments, Track
from screener.video.container.structure.walked import Walked

_NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf"})
_TABLES = frozenset({b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"co64"}) | PARTS
_TABLE_BYTES = 256 << 20
_BOX_LIMIT = 1_000_000
_SEARCHED_AT_ONCE = 1 << 20


def mp4_faults(file: BinaryIO, walked: Walked) -> int:
    """Number of faults. Only top-level boxes that hold others are entered. What follows the last box is ignored, unless it contains further
    fragments.
    """
    size = os.fstat(file.fileno()).st_size
    faults = reached = 0
    fragments = Fragments()
    for name, start, end in _boxes(file, 0, size):
        walked.alive()
        if not name.isascii() or not name.isalnum():
            break
        reached = end
        if name in _NESTED and end <= size:
            faults += _inside(file, start, end, fragments)
    found = fragments.tracks.get(walked.stream_id, Track())
    broke_off = walked.stream_id in fragments.tracks and _go_on(file, reached)
    return faults + (found.samples > walked.packets) + fragments.faults_of(walked.stream_id) + broke_off


def _go_on(file: BinaryIO, position: int) -> bool:
    """Whether more fragments follow the point where the chain of boxes broke."""
    file.seek(position)
    kept = b""
    while block := file.read(_SEARCHED_AT_ONCE):
        if b"moof" in kept + block:
            return True
        kept = block[-3:]
    return False


def _inside(file: BinaryIO, start: int, end: int, fragments: Fragments, depth: int = 0) -> int:
    """Faults in the boxes from start to end. fragments: collects the fragments found."""
    faults, reached = 0, start
    tables: dict[bytes, bytes] = {}
    for name, inner, following in _boxes(file, start, end):
        if following > end:
            return faults + 1
        reached = following
        if name in _NESTED and depth < 8:
            faults += _inside(file, inner, following, fragments, depth + 1)
        elif name in _TABLES and following - inner < _TABLE_BYTES:
            file.seek(inner)
            tables[name] = file.read(following - inner)
            if name in PARTS:  # a fragment may have several runs
                fragments.add(name, tables[name], tables.get(b"tfhd", b""))
    # QuickTime ends some boxes with four zero bytes.
    return faults + (end - reached > 8) + _contradictions(tables, os.fstat(file.fileno()).st_size)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of the content, end) of each box in a row, up to the first thing that is not a box."""
    position = start
    for _ in range(_BOX_LIMIT):
        if position + 8 > end:
            return
        file.seek(position)
        header = file.read(16)
        length, inner = int.from_bytes(header[:4], "big"), position + 8
        if length == 1:
            length, inner = int.from_bytes(header[8:16], "big"), position + 16
        elif length == 0:
            length = end - position
        if length < inner - position:
            return
        yield header[4:8], inner, position + length
        position += length


def _contradictions(tables: dict[bytes, bytes], size: int) -> int:
    """Faults in the tables of one track: times, time offsets, sizes and chunks each imply a number of samples."""
    if b"stsz" not in tables or len(tables[b"stsz"]) < 12:
        return 0
    samples = int.from_bytes(tables[b"stsz"][8:12], "big")
    faults = 0
    for name in (b"stts", b"ctts"):
        counts = _column(tables.get(name, b""), 2, 0)
        faults += len(counts) > 0 and int(counts.sum()) != samples
    wide = b"co64" in tables
    chunks = _entries(tables.get(b"co64" if wide else b"stco", b""), ">u8" if wide else ">u4")
    firsts, each = _column(tables.get(b"stsc", b""), 3, 0), _column(tables.get(b"stsc", b""), 3, 1)
    if not len(chunks) or not len(firsts):
        return faults
    runs = np.diff(np.append(firsts, len(chunks) + 1))
    if (runs <= 0).any() or firsts[0] != 1 or int((runs * each).sum()) != samples:
        return faults + 1
    return faults + _misplaced(chunks, np.repeat(each, runs), _sizes(tables[b"stsz"], samples), size)


def _sizes(table: bytes, samples: int) -> NDArray[np.int64]:
    """(samples,) size of each sample in bytes, stored as one common size or as a list."""
    same = int.from_bytes(table[4:8], "big")
    return np.full(min(samples, len(table)), same) if same else _entries(table[4:], ">u4")


def _misplaced(chunks: NDArray[np.int64], each: NDArray[np.int64], sizes: NDArray[np.int64], size: int) -> int:
    """Number of chunks that reach past the end of the file or overlap. each: samples of every chunk."""
    if int(each.sum()) != len(sizes):
        return 0  # the same size for very many samples: audio, not video
    ends = chunks + np.diff(np.append(0, np.append(0, np.cumsum(sizes))[np.cumsum(each)]))
    order = np.argsort(chunks, kind="stable")
    return int((ends > size).sum() + (ends[order][:-1] > chunks[order][1:]).sum())


def _column(table: bytes, columns: int, column: int) -> NDArray[np.int64]:
    entries = _entries(table, ">u4", columns)
    return entries[: len(entries) // columns * columns].reshape(-1, columns)[:, column]


def _entries(table: bytes, kind: str, columns: int = 1) -> NDArray[np.int64]:
    """The rows after a table's count, as many as there are but no more than the count states."""
    promised = int.from_bytes(table[4:8], "big") * columns
    rows = table[8:]
    width = np.dtype(kind).itemsize
    return np.frombuffer(rows[: len(rows) // width * width], kind)[:promised].astype(np.int64)
