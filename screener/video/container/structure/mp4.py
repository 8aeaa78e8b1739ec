"""MP4 and QuickTime: the chain of boxes, and tables of one track that must speak of the same number of samples (ISO/IEC 14496-12)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from screener.video.container.structure.walked import Walked

_NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
_TABLES = frozenset({b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"co64", b"tfhd", b"tfdt", b"trun"})
_TABLE_BYTES = 256 << 20
_BOX_LIMIT = 1_000_000


@dataclass
class _Fragments:
    """Of one track. samples: how many there are. backwards: fragments that say they begin before the one in front of them. parts, timed:
    how many there are, and how many say when they begin."""

    samples: int = 0
    backwards: int = 0
    start: int = 0
    parts: int = 0
    timed: int = 0

    def add(self, name: bytes, table: bytes) -> None:
        if name == b"tfhd":
            self.parts += 1
        elif name == b"trun":
            self.samples += int.from_bytes(table[4:8], "big")
        else:
            self.timed += 1
            start = int.from_bytes(table[4:12] if table[:1] == b"\1" else table[4:8], "big")
            self.backwards += start < self.start
            self.start = start


def mp4_faults(file: BinaryIO, walked: Walked) -> int:
    """Of the boxes at the top only those that hold others are entered; what follows the last box is none of its business."""
    size = os.fstat(file.fileno()).st_size
    faults = 0
    fragmented: dict[int, _Fragments] = {}
    for name, start, end in _boxes(file, 0, size):
        walked.alive()
        if name in _NESTED and end <= size:
            faults += _inside(file, start, end, fragmented)
    found = fragmented.get(walked.stream_id, _Fragments())
    return faults + (found.samples > walked.packets) + found.backwards + (0 < found.timed < found.parts)


def _inside(file: BinaryIO, start: int, end: int, fragmented: dict[int, _Fragments], depth: int = 0) -> int:
    """fragmented: what the fragments of each track hold so far."""
    faults, reached = 0, start
    tables: dict[bytes, bytes] = {}
    for name, inner, following in _boxes(file, start, end):
        if following > end:
            return faults + 1
        reached = following
        if name in _NESTED and depth < 8:
            faults += _inside(file, inner, following, fragmented, depth + 1)
        elif name in _TABLES and following - inner < _TABLE_BYTES:
            file.seek(inner)
            tables[name] = file.read(following - inner)
            if name in (b"tfhd", b"tfdt", b"trun"):  # behind the header that names their track; of runs there may be several
                track = int.from_bytes(tables.get(b"tfhd", b"")[4:8], "big")
                fragmented.setdefault(track, _Fragments()).add(name, tables[name])
    # QuickTime closes some boxes with four zero bytes.
    return faults + (end - reached > 8) + _contradictions(tables, os.fstat(file.fileno()).st_size)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of the content, end) of each box in a row, up to the first thing that is none."""
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
    """Of one track: times, offsets of times, sizes and chunks each give a number of samples."""
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
    """(samples,) bytes of each sample, which all have the same or stand in a list."""
    same = int.from_bytes(table[4:8], "big")
    return np.full(min(samples, len(table)), same) if same else _entries(table[4:], ">u4")


def _misplaced(chunks: NDArray[np.int64], each: NDArray[np.int64], sizes: NDArray[np.int64], size: int) -> int:
    """Chunks that reach over the end of the file or into each other. each: samples of every chunk."""
    if int(each.sum()) != len(sizes):
        return 0  # the same size for very many samples: sound, not pictures
    ends = chunks + np.diff(np.append(0, np.append(0, np.cumsum(sizes))[np.cumsum(each)]))
    order = np.argsort(chunks, kind="stable")
    return int((ends > size).sum() + (ends[order][:-1] > chunks[order][1:]).sum())


def _column(table: bytes, columns: int, column: int) -> NDArray[np.int64]:
    entries = _entries(table, ">u4", columns)
    return entries[: len(entries) // columns * columns].reshape(-1, columns)[:, column]


def _entries(table: bytes, kind: str, columns: int = 1) -> NDArray[np.int64]:
    """The rows behind a table's count, as many as there are and no more than it says."""
    promised = int.from_bytes(table[4:8], "big") * columns
    rows = table[8:]
    width = np.dtype(kind).itemsize
    return np.frombuffer(rows[: len(rows) // width * width], kind)[:promised].astype(np.int64)
