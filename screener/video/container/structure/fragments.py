"""The fragments of an MP4, each of which says its number and when it begins (ISO/IEC 14496-12, section 8.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

PARTS = frozenset({b"mfhd", b"tfhd", b"tfdt", b"trun", b"trex"})
"""Boxes that say something of fragments."""

_DEFAULT_DURATION = 0x8
_BEFORE_DURATION = ((0x1, 8), (0x2, 4))
_RUN_HEAD, _RUN_DURATIONS, _RUN_COLUMNS = (0x1, 0x4), 0x100, (0x100, 0x200, 0x400, 0x800)


@dataclass
class Track:
    """samples: how many there are. backwards: fragments that say they begin before the one in front of them. lost: places where one or more
    are missing. parts, timed: how many there are, and how many say when they begin."""

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
        return self.backwards + self.lost + (0 < self.timed < self.parts)

    def begin(self, header: bytes) -> None:
        """header: `tfhd`."""
        flags = int.from_bytes(header[1:4], "big")
        at = 8 + sum(size for flag, size in _BEFORE_DURATION if flags & flag)
        self._duration = int.from_bytes(header[at : at + 4], "big") if flags & _DEFAULT_DURATION else self._usual
        self.parts += 1

    def place(self, time: bytes, skips: int) -> None:
        """time: `tfdt`. skips: how often the fragments of all tracks have left out a number so far."""
        self.timed += 1
        start = int.from_bytes(time[4:12] if time[:1] == b"\1" else time[4:8], "big")
        self.backwards += start < self._start
        # Either alone has other causes: pauses, and tracks that are numbered together and kept apart.
        late = self._end is not None and start > self._end + self._in_last // 2
        self.lost += late and skips > self._skips
        self._start = self._end = start
        self._skips = skips

    def run(self, run: bytes) -> None:
        """run: `trun`."""
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
    """Of all tracks, by their numbers. skips: how often the number of a fragment was left out."""

    tracks: dict[int, Track] = field(default_factory=dict)
    skips: int = 0
    _last: int | None = None

    def faults_of(self, track: int) -> int:
        """What contradicts itself in the fragments of one track; where none says when it begins, the numbers are all there is."""
        found = self.tracks.get(track, Track())
        return found.faults + (found.parts > 0 and not found.timed and self.skips)

    def add(self, name: bytes, table: bytes, header: bytes) -> None:
        """header: `tfhd`, which names the track and stands before what else is said of it."""
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
