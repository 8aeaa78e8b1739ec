"""Which parts of a file are looked at when only some of it is decoded, and in which order. Pure: knows fractions of a video, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Slice = tuple[float, float, float]
"""Start, the moment that is wanted most, and end, as fractions of the video's duration."""


@dataclass(frozen=True)
class SeekPlan:
    """One frame is wanted of each slice. taken: (seconds, index) of the frames that earlier looks have given; none is given again."""

    slices: tuple[Slice, ...]
    taken: tuple[tuple[float, int], ...] = ()


def equal_slices(count: int) -> tuple[Slice, ...]:
    """The whole, cut into so many slices of the same length, in the order of time; of each the middle is wanted."""
    return tuple((number / count, (number + 0.5) / count, (number + 1) / count) for number in range(count))


def spread_order(slices: Sequence[Slice]) -> list[Slice]:
    """The same slices, so that any first few of them lie far apart: number k comes where its bits, reversed, say (van der Corput 1935)."""
    ordered = sorted(slices)
    width = max(1, (len(ordered) - 1).bit_length())
    return [ordered[number] for number in sorted(range(len(ordered)), key=lambda number: int(f"{number:0{width}b}"[::-1], 2))]
