"""The contract of every live source: frames as they arrive, with what is known of them, and what was read at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Arrival:
    """A decoded frame. index: counts all frames, from 0. pts_seconds: the source's own time, or None.

    picture: returns the (H, W, 3) uint8 RGB picture, upright, with square pixels; None if it is damaged or cannot be converted. Valid only
    until the next arrival. is_sound: no damage was reported so far.
    """

    index: int
    pts_seconds: float | None
    picture: Callable[[], NDArray[np.uint8] | None]
    is_sound: bool = True


class LiveDecoding(Protocol):
    """One opened live source. fps: as stated by the source, 0 if unknown. reader: name of the reader."""

    fps: float
    reader: str

    @property
    def finite(self) -> bool:
        """Whether the source has an end; if it was reached, it was the stated one."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it was not read completely."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of its decoding."""

    @property
    def lost(self) -> int:
        """Number of damaged frames that were held back, besides those that arrived as not sound."""

    def arrivals(self) -> Iterator[Arrival]:
        """Yield each frame as it arrives or is due."""

    def close(self) -> None:
        """Release the source."""
