"""The fragments of an MP4, each of which states its number and start time (ISO/IEC 14496-12, section 8.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

PARTS = frozenset({b"mfhd", b"tfhd", b"tfdt", b"trun", b"trex"})
"""Boxes that describe fragments."""

_DEFAULT_DURATION = 0x8
_BEFORE_DURATION = ((0x1, 8), (0x2, 4))
_RUN_HEAD, _RUN_DURATIONS, _RUN_COLUMNS = (0x1, 0x4), 0x100, (0x100, 0x200, 0x400, 0x800)


@dataclass
class Track:
    """samples: number of samples. backwards: fragments that state a start before that of the previous one. lost: places where one or more
    are missing. parts, timed: number of fragments, and of those that state a start time.
    """

    samples: int = 0
    backwards: int = 0
    lost: int = 0
    parts: int = 0
    timed: int = 0
    _usual: int = 0
    _duration: int = 0
    _start: int = 0
    _end: int | None = None
    _in_last: int = 0
    _skips: int = 0

    @property
    def faults(self) -> int:
        """Number of contradictions in this track."""
        return self.backwards + self.lost + (0 < self.timed < self.parts)

    def begin(self, header: bytes) -> None:
        """Start a fragment. header: its `tfhd` box."""
        flags = int.from_bytes(header[1:4], "big")
        at = 8 + sum(size for flag, size in _BEFORE_DURATION if flags & flag)
        self._duration = int.from_bytes(header[at : at + 4], "big") if flags & _DEFAULT_DURATION else self._usual
        self.parts += 1

    def place(self, time: bytes, skips: int) -> None:
        """Note a fragment's start time. time: its `tfdt` box. skips: how often the sequence of fragment numbers was broken so far, over all
        tracks.
        """
        self.timed += 1
        start = int.from_bytes(time[4:12] if time[:1] == b"\1" else time[4:8], "big")
        self.backwards += start < self._start
        # Each alone has harmless causes: pauses, and tracks that are numbered together and stored separately.
        late = self._end is not None and start > self._end + self._in_last // 2
        self.lost += late and skips > self._skips
        self._start = self._end = start
        self._skips = skips

    def run(self, run: bytes) -> None:
        """Add a run of samples. run: its `trun` box."""
        flags, count = int.from_bytes(run[1:4], "big"), int.from_bytes(run[4:8], "big")
        self.samples += count
        head = 8 + sum(4 for flag in _RUN_HEAD if flags & flag)
        columns = sum(1 for flag in _RUN_COLUMNS if flags & flag)
        lasts = count * self._duration
        if flags & _RUN_DURATIONS:
            rows = np.frombuffer(run[head : head + 4 * columns * count], ">u4")
            lasts = int(rows[::columns].astype(np.int64).sum())
        self._in_last = lasts // max(1, count)
        self._end = None if self._end is None else self._end + lasts


@dataclass
class Fragments:
    """The fragments of all tracks, by track number. skips: how often a fragment number was skipped."""

    tracks: dict[int, Track] = field(default_factory=dict)
    skips: int = 0
    _last: int | None = None

    def faults_of(self, track: int) -> int:
        """Contradictions in the fragments of one track; if none states its start time, only the numbers are checked."""
        found = self.tracks.get(track, Track())
        return found.faults + (found.parts > 0 and not found.timed and self.skips)

    def add(self, name: bytes, table: bytes, header: bytes) -> None:
        """Add one box of a fragment. header: the last `tfhd` before it, which names the track."""
        if name == b"mfhd":
            number = int.from_bytes(table[4:8], "big")
            self.skips += self._last is not None and number > self._last + 1
            self._last = number
            return
        track = self.tracks.setdefault(int.from_bytes((table if name == b"trex" else header)[4:8], "big"), Track())
        if name == b"trex":
            track._usual = int.from_bytes(table[12:16], "big")
        elif name == b"tfhd":
            track.begin(header)
        elif name == b"tfdt":
            track.place(table, self.skips)
        else:
            track.run(table)
