"""Draws people on a picture: boxes, numbers, outcomes and scores, for live watches and annotated copies.

Knows OpenCV's drawing functions only. A box never crosses another person's label, and labels stay inside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.report.wording import score, spelt_out

Colour = tuple[int, int, int]

# Okabe and Ito's palette, which is safe for all types of colour vision.
COLOURS: dict[str, Colour] = {"fake": (213, 70, 0), "genuine": (0, 140, 100), "undecided": (240, 200, 60)}
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (16, 16, 16)
BOLD, REGULAR = 700, 400
Part = tuple[str, Colour, int]
"""Part of a status bar: text, colour and font weight."""

_SMALLEST_TEXT_PX = 11


@dataclass(frozen=True, eq=False)
class Shown:
    """One person on a picture. number: as in reports. p_fake: None if not scored. why: reason for an undecided outcome.

    box_xyxy: (4,) float32, pixels of the picture; may reach past its edge.
    """

    number: int
    outcome: str
    p_fake: float | None
    box_xyxy: NDArray[np.float32]
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plate:
    """Text on a filled background, ready to be drawn. x, y: upper left corner."""

    words: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int


def text_px(size_wh: tuple[int, int]) -> int:
    """Text size in pixels for a picture: a thirtieth of its height, less for a narrow one, with a legible minimum."""
    width, height = size_wh
    return max(_SMALLEST_TEXT_PX, round(min(height, width * 3 / 4) / 30))


def draw_people(picture: NDArray[np.uint8], people: Sequence[Shown]) -> None:
    """Draw on (H, W, 3) uint8 RGB in place; the top rows are left to a status bar."""
    height, width = picture.shape[:2]
    size = text_px((width, height))
    taken = [Plate((), 0, 0, width, bar_height(size))]
    # Boxes first, so that no box crosses another person's label; fake people last, on top.
    people = sorted(people, key=lambda person: person.outcome == "fake")
    for person in people:
        _box(picture, person, size)
    for person in reversed(people):
        plate = _placed(_label(person, size, width), person, size, taken, (width, height))
        taken.append(plate)
        colour = COLOURS[person.outcome]
        ground(picture, plate, colour)
        write(picture, plate, size, ink_on(colour))


def status_bar(picture: NDArray[np.uint8], word: str, colour: Colour, parts: Sequence[Part]) -> None:
    """A bar at the top: `word` on its colour at the left, then as many of the parts as fit, the most important first."""
    height, width = picture.shape[:2]
    size = text_px((width, height))
    bar = bar_height(size)
    shade(picture, 0, bar, 0.25)
    first = Plate((word,), 0, 0, text_width(word, size, BOLD) + size, bar)
    ground(picture, first, colour)
    write(picture, first, size, ink_on(colour))
    x = first.width
    for words, ink, weight in parts:
        needed = text_width(words, size, weight) + size
        if x + needed > width:
            break
        write(picture, Plate((words,), x, 0, needed, bar), size, ink, weight)
        x += needed


def bar_height(size: int) -> int:
    """Height in pixels of a status bar with text of that size."""
    return round(1.8 * size)


def ink_on(ground: Colour) -> Colour:
    """Black or white, whichever contrasts with the background: ITU-R BT.601 luma compared with mid-grey."""
    red, green, blue = ground
    return BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else WHITE


def ground(picture: NDArray[np.uint8], plate: Plate, colour: Colour) -> None:
    """Fill a plate's background."""
    cv2.rectangle(picture, (plate.x, plate.y), (plate.x + plate.width - 1, plate.y + plate.height - 1), colour, cv2.FILLED)


def write(picture: NDArray[np.uint8], plate: Plate, size: int, ink: Colour, weight: int = BOLD) -> None:
    """Draw the text of a plate, the first line in that weight."""
    first = plate.y + (plate.height - round(1.25 * size * len(plate.words))) // 2
    for number, words in enumerate(plate.words):
        origin = plate.x + size // 2, first + round(1.25 * size * number) + size
        put(picture, words, origin, size, ink, weight if number == 0 else REGULAR)


def shade(picture: NDArray[np.uint8], top: int, bottom: int, share: float) -> None:
    """Darken the rows from `top` to `bottom` to `share` of their brightness."""
    strip = picture[top:bottom]
    strip[:] = cv2.convertScaleAbs(strip, alpha=share)


def put(picture: NDArray[np.uint8], text: str, origin: tuple[int, int], size: int, ink: Colour, weight: int) -> None:
    """Draw text with its lower left corner at `origin`."""
    cv2.putText(picture, text, origin, ink, _font(), size, weight)


def text_width(text: str, size: int, weight: int) -> int:
    """Width of a text in pixels."""
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _font(), size, weight)
    return int(width)


def _box(picture: NDArray[np.uint8], person: Shown, size: int) -> None:
    """Double line for fake, single line for genuine, corners only for undecided, so that outcomes differ without colour."""
    limit = 4 * max(picture.shape)
    x0, y0, x1, y1 = (round(float(np.clip(v, -limit, limit))) for v in person.box_xyxy)
    outcome, line = person.outcome, max(1, round(size / 7))
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


def _label(person: Shown, size: int, width: int) -> tuple[str, ...]:
    """`1 FAKE 0.93`, and the reason for an undecided outcome if there is room."""
    p_fake = "" if person.p_fake is None else f"  {score(person.p_fake)}"
    first = f"{person.number}  {person.outcome.upper()}{p_fake}"
    why = spelt_out(person.why[:1])[0] if person.outcome == "undecided" and person.why else ""
    return (first, why) if why and text_width(why, size, REGULAR) < width // 2 else (first,)


def _placed(words: tuple[str, ...], person: Shown, size: int, taken: list[Plate], size_wh: tuple[int, int]) -> Plate:
    """Above the box, else below it, else at another free height; always inside the picture."""
    x0, y0, _, y1 = (round(float(np.clip(v, -1e6, 1e6))) for v in person.box_xyxy)
    width = max(text_width(line, size, BOLD if i == 0 else REGULAR) for i, line in enumerate(words)) + size
    height, gap = round(size * (0.6 + 1.25 * len(words))), max(2, size // 3)
    x = max(0, min(x0 - size // 3, size_wh[0] - width))
    lowest = max(0, size_wh[1] - height)
    above, below = y0 - gap - height, y1 + gap
    further = [above - step * height for step in (1, 2)] + [below + step * height for step in (1, 2)] + [y0 + gap]
    places = [Plate(words, x, max(0, min(y, lowest)), width, height) for y in (above, below, *further)]
    return next((plate for plate in places if not any(_overlap(plate, other) for other in taken)), places[0])


def _overlap(a: Plate, b: Plate) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


_FONT: list[cv2.FontFace] = []


def _font() -> cv2.FontFace:
    # OpenCV's built-in font, so that pictures are the same on every machine; created once, because that is slow.
    if not _FONT:
        _FONT.append(cv2.FontFace("sans"))
    return _FONT[0]
