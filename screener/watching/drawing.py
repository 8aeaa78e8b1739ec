"""Draws one update of a live watch: boxes, outcomes in words and colour, the state, and a banner if the picture cannot be trusted.

Only knows OpenCV's drawing functions. People are drawn only in the state `live`, whatever the update contains.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.report.wording import clock, score, spelt_out, visible
from screener.watching.records import LivePerson, LiveUpdate

PLAIN_SIZE_WH = (960, 540)
"""Size of the picture if there is no frame to draw on."""

Colour = tuple[int, int, int]

# Okabe and Ito's palette, which is distinguishable for any colour vision.
COLOURS: dict[str, Colour] = {"fake": (213, 70, 0), "genuine": (0, 140, 100), "undecided": (240, 200, 60)}
STATE_COLOURS: dict[str, Colour] = {
    "opening": (60, 120, 200),
    "live": (0, 140, 100),
    "frozen": (204, 90, 150),
    "stale": (230, 159, 0),
    "lost": (200, 40, 40),
    "ended": (120, 120, 120),
}
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (16, 16, 16)
_SHADE: Colour = (20, 22, 26)
_SMALLEST_TEXT_PX = 11
_BOLD, _REGULAR = 700, 400


@dataclass(frozen=True)
class _Plate:
    """Text with a background, ready to be drawn. x, y: upper left corner."""

    words: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int


def annotated(update: LiveUpdate) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, a new picture of the size of the update's frame, or of PLAIN_SIZE_WH without one."""
    if update.picture_rgb is None:
        width, height = PLAIN_SIZE_WH
        picture = np.full((height, width, 3), _SHADE, np.uint8)
    else:
        picture = np.array(update.picture_rgb, np.uint8, order="C")
    if update.state == "live":
        _people(picture, update)
    else:
        _darken(picture)
        _banner(picture, update)
    _status_bar(picture, update)
    return picture


def text_px(size_wh: tuple[int, int]) -> int:
    """Text height for a picture: a thirtieth of its height, less if it is narrow, with a readable minimum."""
    width, height = size_wh
    return max(_SMALLEST_TEXT_PX, round(min(height, width * 3 / 4) / 30))


def _people(picture: NDArray[np.uint8], update: LiveUpdate) -> None:
    height, width = picture.shape[:2]
    size = text_px((width, height))
    taken = [_Plate((), 0, 0, width, _bar_height(size))]
    # Boxes first, so that no box crosses another's label; the fake ones last, on top.
    people = sorted((p for p in update.people if p.box_xyxy is not None), key=lambda p: p.verdict.outcome == "fake")
    for person in people:
        _box(picture, person, size)
    for person in reversed(people):
        plate = _placed(_label(person, size, width), person, size, taken, (width, height))
        taken.append(plate)
        colour = COLOURS[person.verdict.outcome]
        _ground(picture, plate, colour)
        _write(picture, plate, size, _ink(colour))


def _box(picture: NDArray[np.uint8], person: LivePerson, size: int) -> None:
    """Fake: a double line. Genuine: a single line. Undecided: corners only. So the outcome shows without colour too."""
    assert person.box_xyxy is not None
    limit = 4 * max(picture.shape)
    x0, y0, x1, y1 = (round(float(np.clip(v, -limit, limit))) for v in person.box_xyxy)
    outcome, line = person.verdict.outcome, max(1, round(size / 7))
    colour = COLOURS[outcome]
    if outcome == "undecided":
        _corners(picture, (x0, y0, x1, y1), line + 2, BLACK)
        _corners(picture, (x0, y0, x1, y1), line, colour)
        return
    cv2.rectangle(picture, (x0, y0), (x1, y1), BLACK, line + 2)
    cv2.rectangle(picture, (x0, y0), (x1, y1), colour, line)
    if outcome == "fake":
        gap = 2 * line + 1
        cv2.rectangle(picture, (x0 - gap, y0 - gap), (x1 + gap, y1 + gap), colour, line)


def _corners(picture: NDArray[np.uint8], box: tuple[int, int, int, int], line: int, colour: Colour) -> None:
    x0, y0, x1, y1 = box
    reach = max(4, min(x1 - x0, y1 - y0) // 4)
    for x, inward_x in ((x0, reach), (x1, -reach)):
        for y, inward_y in ((y0, reach), (y1, -reach)):
            cv2.line(picture, (x, y), (x + inward_x, y), colour, line)
            cv2.line(picture, (x, y), (x, y + inward_y), colour, line)


def _label(person: LivePerson, size: int, width: int) -> tuple[str, ...]:
    """`1 FAKE 0.93`, with the reason if undecided and if it fits."""
    verdict = person.verdict
    p_fake = "" if verdict.p_fake is None else f"  {score(verdict.p_fake)}"
    first = f"{verdict.track_id}  {verdict.outcome.upper()}{p_fake}"
    why = spelt_out(verdict.reasons[:1])[0] if verdict.outcome == "undecided" and verdict.reasons else ""
    return (first, why) if why and _text_width(why, size, _REGULAR) < width // 2 else (first,)


def _placed(words: tuple[str, ...], person: LivePerson, size: int, taken: list[_Plate], size_wh: tuple[int, int]) -> _Plate:
    """Above the box, else below it, else at the nearest free height; always inside the picture."""
    assert person.box_xyxy is not None
    x0, y0, _, y1 = (round(float(np.clip(v, -1e6, 1e6))) for v in person.box_xyxy)
    width = max(_text_width(line, size, _BOLD if i == 0 else _REGULAR) for i, line in enumerate(words)) + size
    height, gap = round(size * (0.6 + 1.25 * len(words))), max(2, size // 3)
    x = max(0, min(x0 - size // 3, size_wh[0] - width))
    lowest = max(0, size_wh[1] - height)
    above, below = y0 - gap - height, y1 + gap
    further = [above - step * height for step in (1, 2)] + [below + step * height for step in (1, 2)] + [y0 + gap]
    places = [_Plate(words, x, max(0, min(y, lowest)), width, height) for y in (above, below, *further)]
    return next((plate for plate in places if not any(_overlap(plate, other) for other in taken)), places[0])


def _overlap(a: _Plate, b: _Plate) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def _status_bar(picture: NDArray[np.uint8], update: LiveUpdate) -> None:
    """State and time at the left, then the outcome of the whole picture; rates and delay at the right if they fit."""
    height, width = picture.shape[:2]
    size = text_px((width, height))
    bar = _bar_height(size)
    _shade(picture, 0, bar, 0.25)
    state = _Plate((update.state.upper(),), 0, 0, _text_width(update.state.upper(), size, _BOLD) + size, bar)
    colour = STATE_COLOURS[update.state]
    _ground(picture, state, colour)
    _write(picture, state, size, _ink(colour))
    x = state.width
    for words, ink, weight in _status(update):
        needed = _text_width(words, size, weight) + size
        if x + needed > width:
            break
        plate = _Plate((words,), x, 0, needed, bar)
        _write(picture, plate, size, ink, weight)
        x += needed


def _status(update: LiveUpdate) -> list[tuple[str, Colour, int]]:
    """Text, colour and weight of each part, most important first."""
    parts = [(clock(update.seconds, 0), WHITE, _REGULAR)]
    if update.state != "live":
        return parts
    fakes = [person.verdict.track_id for person in update.people if person.verdict.outcome == "fake"]
    if fakes:
        parts.append((f"FAKE: {', '.join(map(str, fakes))}", (255, 140, 90), _BOLD))
    elif update.outcome == "undecided" and not update.people:
        parts.append(("NO FACE" if update.stats.frames_judged else "NO FACE YET", COLOURS["undecided"], _BOLD))
    else:
        parts.append((update.outcome.upper(), (90, 220, 170) if update.outcome == "genuine" else COLOURS["undecided"], _BOLD))
    stats = update.stats
    if stats.delay_median_seconds is not None:
        parts.append((f"delay {stats.delay_median_seconds:.1f} s", WHITE, _REGULAR))
    parts.append((f"{stats.judged_fps:.1f} judged/s", WHITE, _REGULAR))
    parts.append((f"alarm from {score(update.threshold)}", WHITE, _REGULAR))
    return parts


def _banner(picture: NDArray[np.uint8], update: LiveUpdate) -> None:
    """The state in large letters on a band across the picture, with the reason under it."""
    height, width = picture.shape[:2]
    size = text_px((width, height))
    big = max(2 * size, round(min(height / 5, width / 7)))
    lines = _reason_lines(update, max(12, round(width / (0.6 * size))))
    big_height, line_height = round(big * 1.5), round(size * 1.5)
    total = min(height, big_height + line_height * len(lines) + (size if lines else 0))
    top = max(0, (height - total) // 2)
    colour = STATE_COLOURS[update.state]
    cv2.rectangle(picture, (0, top), (width, top + total), colour, cv2.FILLED)
    ink = _ink(colour)
    word = update.state.upper()
    _put(picture, word, ((width - _text_width(word, big, _BOLD)) // 2, top + round(big * 1.12)), big, ink, _BOLD)
    for number, line in enumerate(lines):
        x = max(0, (width - _text_width(line, size, _REGULAR)) // 2)
        _put(picture, line, (x, top + big_height + line_height * number + size), size, ink, _REGULAR)


def _reason_lines(update: LiveUpdate, letters: int) -> list[str]:
    lines = textwrap.wrap(visible(update.message), letters)[:3]
    if update.retry_seconds is not None:
        lines.append(f"next attempt in {max(0.0, update.retry_seconds):.0f} s")
    return lines


def _bar_height(size: int) -> int:
    return round(1.8 * size)


def _ink(ground: Colour) -> Colour:
    """Black or white, whichever contrasts with the background (by ITU-R BT.601 luma)."""
    red, green, blue = ground
    return BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else WHITE


def _ground(picture: NDArray[np.uint8], plate: _Plate, colour: Colour) -> None:
    cv2.rectangle(picture, (plate.x, plate.y), (plate.x + plate.width - 1, plate.y + plate.height - 1), colour, cv2.FILLED)


def _write(picture: NDArray[np.uint8], plate: _Plate, size: int, ink: Colour, weight: int = _BOLD) -> None:
    first = plate.y + (plate.height - round(1.25 * size * len(plate.words))) // 2
    for number, words in enumerate(plate.words):
        origin = plate.x + size // 2, first + round(1.25 * size * number) + size
        _put(picture, words, origin, size, ink, weight if number == 0 else _REGULAR)


def _shade(picture: NDArray[np.uint8], top: int, bottom: int, share: float) -> None:
    """Multiply the brightness of the rows from top to bottom by `share`."""
    strip = picture[top:bottom]
    strip[:] = cv2.convertScaleAbs(strip, alpha=share)


def _darken(picture: NDArray[np.uint8]) -> None:
    """Make the picture grey and dark, so that an outdated picture does not look like a current one."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    picture[:] = cv2.cvtColor(cv2.convertScaleAbs(grey, alpha=0.3), cv2.COLOR_GRAY2RGB)


_FONT: list[cv2.FontFace] = []


def _font() -> cv2.FontFace:
    # OpenCV's built-in font, so that pictures are the same everywhere; created once, because that is slow.
    if not _FONT:
        _FONT.append(cv2.FontFace("sans"))
    return _FONT[0]


def _text_width(text: str, size: int, weight: int) -> int:
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _font(), size, weight)
    return int(width)


def _put(picture: NDArray[np.uint8], text: str, origin: tuple[int, int], size: int, ink: Colour, weight: int) -> None:
    cv2.putText(picture, text, origin, ink, _font(), size, weight)
