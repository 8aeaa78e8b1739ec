"""The name of a screen, or of a rectangle of it, as a user writes it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMED = re.compile(r"screen:(\d{1,2})(?::(-?\d+),(-?\d+),(\d+)x(\d+))?")


@dataclass(frozen=True)
class ScreenArea:
    """number: of the screen, from 0. place_xywh: a rectangle on it, pixels from its left top corner; None for all of it."""

    number: int
    place_xywh: tuple[int, int, int, int] | None = None

    @classmethod
    def named(cls, text: str) -> ScreenArea | None:
        """`screen:0`, or `screen:0:100,50,640x360` for a rectangle; None for anything else."""
        found = _NAMED.fullmatch(text)
        if found is None:
            return None
        number, *place = found.groups()
        left, top, width, height = (int(one or 0) for one in place)
        return cls(int(number), (left, top, width, height) if place[0] is not None else None)
