"""Which parts of a file are decoded if only some are, and in which order. Pure: knows fractions of a video, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Slice = tuple[float, float, float]
"""Start, the most wanted moment, and end, as fractions of the video's duration."""


@dataclass(frozen=True)
class SeekPlan:
    """One frame is wanted from each slice. taken: (seconds, index) of the frames that earlier looks returned; none is returned again."""

    slices: tuple[Slice, ...]
    taken: tuple[tuple[float, int], ...] = ()


def equal_slices(count: int) -> tuple[Slice, ...]:
    """The whole video in `count` slices of equal length, in order of time; the middle of each is wanted."""
    return tuple((number / count, (number + 0.5) / count, (number + 1) / count) for number in range(count))


def spread_order(slices: Sequence[Slice]) -> list[Slice]:
    """The same slices, ordered such that the first few are always far apart: by the bit-reversed index (van der Corput 1935)."""
    ordered = sorted(slices)
    width = max(1, (len(ordered) - 1).bit_length())
    return [ordered[number] for number in sorted(range(len(ordered)), key=lambda number: int(f"{number:0{width}b}"[::-1], 2))]
