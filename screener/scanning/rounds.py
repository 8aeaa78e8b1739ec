"""Which parts of a video are looked at next: everywhere first, then between, and around whatever looks suspicious. Pure.

Each round halves the slices into which the video is cut, and asks for one frame of each slice that has none yet; so after every round the
frames lie one to a slice. What is wanted of a slice is the moment at a third of it, and in the next round at two thirds: that is where the
moment of the one round lies in the halves of its slice, so that the frames of all rounds together keep equal distances. Knows times, not
scores or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

FIRST_ROUND = 16
"""Frames of the first round: one of them falls into a passage of 5 % of the video in 8 cases of 10, and of the second round's 32 as good
as always. With fewer, the interval of a pooled score would be too wide to tell anything."""

DENSEST_FPS = 1.0
"""No round goes beyond so many frames per second of video, nor stops short of what an ordinary scan looks at."""

MOST_FRAMES = 12 * 3600
"""However long the header says that the video is."""

CLOSER_SECONDS = (-2.0, -1.0, 1.0, 2.0)
"""Where a suspicious moment is looked at more closely: as densely as one frame per second would have, three of which in a row make a
suspicious passage."""

CLOSER_WIDTH_SECONDS = 0.5
CLOSER_AT_ONCE = 8
"""Suspicious moments that one round looks at more closely, the most suspicious first."""

Slice = tuple[float, float, float]
"""Start, the moment that is wanted most, and end."""


class Rounds:
    """The slices of each round, as fractions of the duration."""

    def __init__(self, least_frames: int) -> None:
        """least_frames: that even the shortest video may be looked at."""
        self._least_frames = least_frames
        self.count = FIRST_ROUND
        self._third = 1

    def most_frames(self, duration_seconds: float) -> int:
        """How many frames are looked at at most: one a second, or what a full scan would take of a short video."""
        return max(self._least_frames, FIRST_ROUND, min(MOST_FRAMES, math.ceil(duration_seconds * DENSEST_FPS)))

    def first(self) -> tuple[Slice, ...]:
        """The slices of the first round."""
        return tuple(self._slice(number) for number in range(self.count))

    def next(self, duration_seconds: float, taken_seconds: Iterable[float]) -> tuple[Slice, ...]:
        """Of the next round; nothing when the video has been looked at as densely as it will be. taken_seconds: of the evenly spread
        frames so far."""
        taken = np.array(sorted(taken_seconds))
        most = self.most_frames(duration_seconds)
        while self.count < most:
            self.count, self._third = min(2 * self.count, most), 3 - self._third
            filled = set(np.minimum(taken * self.count / duration_seconds, self.count - 1).astype(int).tolist())
            empty = [number for number in range(self.count) if number not in filled]
            wanted = max(0, min(len(empty), most - len(taken)))
            chosen = [empty[int((number + 0.5) * len(empty) / wanted)] for number in range(wanted)]
            if chosen:
                return tuple(self._slice(number) for number in chosen)
        return ()

    def _slice(self, number: int) -> Slice:
        return number / self.count, (number + self._third / 3) / self.count, (number + 1) / self.count

    def closer(self, moments_seconds: Iterable[float], duration_seconds: float, taken_seconds: Iterable[float]) -> tuple[Slice, ...]:
        """Around some moments. taken_seconds: of every frame so far; where one lies already, none is asked for.

        Nothing in a video so short that the next round comes as close.
        """
        if duration_seconds / self.count <= 1.5 / DENSEST_FPS:
            return ()
        taken, half = list(taken_seconds), CLOSER_WIDTH_SECONDS / 2
        found: list[Slice] = []
        for moment in moments_seconds:
            for step in CLOSER_SECONDS:
                seconds = moment + step
                near = any(abs(other - seconds) <= half for other in taken)
                if half <= seconds <= duration_seconds - half and not near:
                    found.append((seconds - half, seconds, seconds + half))
                    taken.append(seconds)
        return tuple((start / duration_seconds, wanted / duration_seconds, end / duration_seconds) for start, wanted, end in sorted(found))
