"""Which parts of a video are examined next: first everywhere, then in between, and around anything suspicious. Pure.

Each round halves the slices of the video, and asks for one frame of each slice that has none yet; so after every round there is one frame
per slice. The wanted moment is at a third of a slice, and in the next round at two thirds: halving a slice puts the moment of one round at
that of the other, so the frames of all rounds are equally spaced. Knows times, not scores or verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

FIRST_ROUND = 16
"""Frames of the first round: one of them falls into a passage of 5 % of the video in 8 of 10 cases, and one of the second round's 32 almost
always. With fewer, the interval of a pooled score would be too wide.
"""

DENSEST_FPS = 1.0
"""No round examines more frames per second of video than this, but at least as many frames as an ordinary scan."""

MOST_FRAMES = 12 * 3600
"""Upper limit, whatever duration the header states."""

CLOSER_SECONDS = (-2.0, -1.0, 1.0, 2.0)
"""Offsets of the extra frames around a suspicious moment: together as dense as one frame per second, of which three in a row make a
suspicious segment.
"""

CLOSER_WIDTH_SECONDS = 0.5
CLOSER_AT_ONCE = 8
"""Number of suspicious moments that one round examines more closely, highest score first."""

Slice = tuple[float, float, float]
"""Start, most wanted moment, and end."""


class Rounds:
    """The slices of each round, as fractions of the duration."""

    def __init__(self, least_frames: int) -> None:
        """least_frames: minimum number of frames, even for the shortest video."""
        self._least_frames = least_frames
        self.count = FIRST_ROUND
        self._third = 1

    def most_frames(self, duration_seconds: float) -> int:
        """Maximum number of frames to examine: one a second, or those of an ordinary scan for a short video."""
        return max(self._least_frames, FIRST_ROUND, min(MOST_FRAMES, math.ceil(duration_seconds * DENSEST_FPS)))

    def first(self) -> tuple[Slice, ...]:
        """The slices of the first round."""
        return tuple(self._slice(number) for number in range(self.count))

    def next(self, duration_seconds: float, taken_seconds: Iterable[float]) -> tuple[Slice, ...]:
        """The slices of the next round; empty if the video has been examined as densely as it will be. taken_seconds: times of the evenly
        spread frames so far.
        """
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
        """Slices around suspicious moments. taken_seconds: times of all frames so far; a slice that already has one is left out.

        Empty for a video so short that the next round comes as close.
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
