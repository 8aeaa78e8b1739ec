"""Seconds -> frames and timecode, as editing programs count them (SMPTE ST 12-1). Pure.

Editing programs support whole frame rates and NTSC's, which are slower by 1000/1001. Any other rate is mapped to the nearest of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

_NTSC = Fraction(1000, 1001)
_MINUTES_OF_AN_HOUR = 60


@dataclass(frozen=True)
class Timebase:
    """base: frames per second of timecode. ntsc: whether that second lasts 1.001 seconds."""

    base: int
    ntsc: bool

    @classmethod
    def of(cls, rate: Fraction) -> Timebase:
        """The time base nearest to a positive rate."""
        base = max(1, round(rate))
        return min((cls(base, ntsc) for ntsc in (False, True)), key=lambda known: abs(known.rate - rate))

    @property
    def rate(self) -> Fraction:
        """Frames per second, exact."""
        return self.base * _NTSC if self.ntsc else Fraction(self.base)

    @property
    def drops(self) -> bool:
        """Whether timecode is drop-frame, which skips numbers to stay in step with real time, as at 29.97 and its multiples."""
        return self.ntsc and self.base % 30 == 0

    def frame_at(self, seconds: float) -> int:
        """Number of the frame nearest to a time."""
        return max(0, floor(Fraction(seconds) * self.rate + Fraction(1, 2)))

    def timecode(self, frame: int) -> str:
        """`hh:mm:ss:ff`, or `hh:mm:ss;ff` for drop-frame: 2 numbers per 30 are skipped at the start of each minute not divisible by 10."""
        number = self._with_dropped(frame) if self.drops else frame
        seconds, frames = divmod(number, self.base)
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, _MINUTES_OF_AN_HOUR)
        return f"{hours % 24:02}:{minute:02}:{second:02}{';' if self.drops else ':'}{frames:02}"

    def _with_dropped(self, frame: int) -> int:
        """The frame number that drop-frame timecode shows."""
        dropped = self.base // 15
        minute, ten_minutes = 60 * self.base - dropped, 600 * self.base - 9 * dropped
        tens, rest = divmod(frame, ten_minutes)
        return frame + 9 * dropped * tens + (dropped * ((rest - dropped) // minute) if rest >= dropped else 0)


def hours_in(timebase: Timebase, hours: int) -> int:
    """Number of frames before the timecode of that many whole hours, less than 24."""
    per_minute = 60 * timebase.base
    dropped = 54 * (timebase.base // 15) if timebase.drops else 0
    return hours * (_MINUTES_OF_AN_HOUR * per_minute - dropped)
