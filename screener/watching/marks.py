"""Graphics from characters: a gauge with the threshold on it, a sparkline of the last minute, words in large letters. Pure, Unicode or
ASCII.

Does not know colours; a sparkline gives the value of each cell, so that the caller can colour it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MINUTE_SECONDS = 60.0

_BLOCKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


LETTER_ROWS = 5
_LETTERS = {
    "D": ("1111.", "1...1", "1...1", "1...1", "1111."),
    "E": ("11111", "1....", "1111.", "1....", "11111"),
    "F": ("11111", "1....", "1111.", "1....", "1...."),
    "G": (".1111", "1....", "1..11", "1...1", ".1111"),
    "I": ("111", ".1.", ".1.", ".1.", "111"),
    "L": ("1....", "1....", "1....", "1....", "11111"),
    "N": ("1...1", "11..1", "1.1.1", "1..11", "1...1"),
    "O": (".111.", "1...1", "1...1", "1...1", ".111."),
    "P": ("1111.", "1...1", "1111.", "1....", "1...."),
    "R": ("1111.", "1...1", "1111.", "1..1.", "1...1"),
    "S": (".1111", "1....", ".111.", "....1", "1111."),
    "T": ("11111", "..1..", "..1..", "..1..", "..1.."),
    "A": (".111.", "1...1", "11111", "1...1", "1...1"),
    "Z": ("11111", "...1.", "..1..", ".1...", "11111"),
}
"""The letters needed for the states in which results are not shown."""


def large(word: str, ascii_only: bool = False) -> list[str]:
    """`word` in letters of LETTER_ROWS lines; a word with a letter that is not defined stays a single line."""
    if not all(letter in _LETTERS for letter in word):
        return [word]
    rows = ["  ".join(_LETTERS[letter][row] for letter in word) for row in range(LETTER_ROWS)]
    return [row.replace(".", " ").replace("1", "#" if ascii_only else "█") for row in rows]


def gauge(p_fake: float | None, threshold: float, width: int, ascii_only: bool = False) -> tuple[str, str, str]:
    """The part left of the threshold's mark, the mark, and the part right of it: `width` characters together.

    Filled up to p_fake, to an eighth of a character; empty if it is None.
    """
    full, empty, mark = ("#", "-", "|") if ascii_only else ("█", "─", "┃")
    filled = 0.0 if p_fake is None else min(max(p_fake, 0.0), 1.0) * width
    whole = int(filled)
    cells = [full] * whole + [empty] * (width - whole)
    eighths = round((filled - whole) * 8) if not ascii_only else 0
    if whole < width and eighths:
        cells[whole] = _EIGHTHS[eighths] if eighths < 8 else full
    place = min(int(min(max(threshold, 0.0), 1.0) * width), width - 1)
    return "".join(cells[:place]), mark, "".join(cells[place + 1 :])


def sparkline(
    history: NDArray[np.float64], now_seconds: float, width: int, ascii_only: bool = False, span_seconds: float = MINUTE_SECONDS
) -> list[tuple[str, float | None]]:
    """(n, 2) of seconds and p_fake -> character and mean score for each of `width` equal intervals of the last `span_seconds`.

    An interval without a score is a blank with None; in ASCII the character is p_fake in tenths.
    """
    sums, counts = np.zeros(width), np.zeros(width, np.int64)
    for seconds, p_fake in np.asarray(history, np.float64).reshape(-1, 2):
        age = (now_seconds - seconds) / span_seconds
        if width and math.isfinite(p_fake) and 0 <= age < 1:
            place = width - 1 - int(age * width)
            sums[place] += min(max(p_fake, 0.0), 1.0)
            counts[place] += 1
    return [_cell(total / count, ascii_only) if count else (" ", None) for total, count in zip(sums, counts, strict=True)]


def _cell(p_fake: float, ascii_only: bool) -> tuple[str, float]:
    if ascii_only:
        return str(min(9, int(p_fake * 10))), p_fake
    return _BLOCKS[min(7, int(p_fake * 8))], p_fake
