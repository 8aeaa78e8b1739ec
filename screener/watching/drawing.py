"""One update of a live watch -> a picture of it: boxes, outcomes in words and colour, the state, and a banner where nothing may be trusted.

Knows OpenCV's drawing only. Nothing of people is drawn while the state is not `live`, whatever the update holds.
"""

from __future__ import annotations

import textwrap

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.annotation.people import (
    BOLD,
    COLOURS,
    REGULAR,
    WHITE,
    Colour,
    Shown,
    draw_people,
    ink_on,
    put,
    status_bar,
    text_px,
    text_width,
)
from screener.report.wording import clock, score, visible
from screener.watching.records import LivePerson, LiveUpdate

PLAIN_SIZE_WH = (960, 540)
"""Of the picture where there is no frame to draw on."""

STATE_COLOURS: dict[str, Colour] = {
    "opening": (60, 120, 200),
    "live": (0, 140, 100),
    "frozen": (204, 90, 150),
    "stale": (230, 159, 0),
    "lost": (200, 40, 40),
    "ended": (120, 120, 120),
}
_SHADE: Colour = (20, 22, 26)


def annotated(update: LiveUpdate) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, a new picture of the size of the update's frame, or of PLAIN_SIZE_WH where it has none."""
    if update.picture_rgb is None:
        width, height = PLAIN_SIZE_WH
        picture = np.full((height, width, 3), _SHADE, np.uint8)
    else:
        picture = np.array(update.picture_rgb, np.uint8, order="C")
    if update.state == "live":
        draw_people(picture, [_shown(person) for person in update.people if person.box_xyxy is not None])
    else:
        _darken(picture)
        _banner(picture, update)
    status_bar(picture, update.state.upper(), STATE_COLOURS[update.state], _status(update))
    return picture


def _shown(person: LivePerson) -> Shown:
    assert person.box_xyxy is not None
    verdict = person.verdict
    return Shown(verdict.track_id, verdict.outcome, verdict.p_fake, person.box_xyxy, verdict.reasons)


def _status(update: LiveUpdate) -> list[tuple[str, Colour, int]]:
    """What `status_bar` takes."""
    parts = [(clock(update.seconds, 0), WHITE, REGULAR)]
    if update.state != "live":
        return parts
    fakes = [person.verdict.track_id for person in update.people if person.verdict.outcome == "fake"]
    if fakes:
        parts.append((f"FAKE: {', '.join(map(str, fakes))}", (255, 140, 90), BOLD))
    elif update.outcome == "undecided" and not update.people:
        parts.append(("NO FACE" if update.stats.frames_judged else "NO FACE YET", COLOURS["undecided"], BOLD))
    else:
        parts.append((update.outcome.upper(), (90, 220, 170) if update.outcome == "genuine" else COLOURS["undecided"], BOLD))
    stats = update.stats
    if stats.delay_median_seconds is not None:
        parts.append((f"delay {stats.delay_median_seconds:.1f} s", WHITE, REGULAR))
    parts.append((f"{stats.judged_fps:.1f} judged/s", WHITE, REGULAR))
    parts.append((f"alarm from {score(update.threshold)}", WHITE, REGULAR))
    return parts


def _banner(picture: NDArray[np.uint8], update: LiveUpdate) -> None:
    """The state in letters that cannot be overlooked, on a band across the picture, with the reason under it."""
    height, width = picture.shape[:2]
    size = text_px((width, height))
    big = max(2 * size, round(min(height / 5, width / 7)))
    lines = _reason_lines(update, max(12, round(width / (0.6 * size))))
    big_height, line_height = round(big * 1.5), round(size * 1.5)
    total = min(height, big_height + line_height * len(lines) + (size if lines else 0))
    top = max(0, (height - total) // 2)
    colour = STATE_COLOURS[update.state]
    cv2.rectangle(picture, (0, top), (width, top + total), colour, cv2.FILLED)
    ink = ink_on(colour)
    word = update.state.upper()
    put(picture, word, ((width - text_width(word, big, BOLD)) // 2, top + round(big * 1.12)), big, ink, BOLD)
    for number, line in enumerate(lines):
        x = max(0, (width - text_width(line, size, REGULAR)) // 2)
        put(picture, line, (x, top + big_height + line_height * number + size), size, ink, REGULAR)


def _reason_lines(update: LiveUpdate, letters: int) -> list[str]:
    lines = textwrap.wrap(visible(update.message), letters)[:3]
    if update.retry_seconds is not None:
        lines.append(f"next attempt in {max(0.0, update.retry_seconds):.0f} s")
    return lines


def _darken(picture: NDArray[np.uint8]) -> None:
    """Grey and dark: a picture that is no longer to be believed must not look like one that is."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    picture[:] = cv2.cvtColor(cv2.convertScaleAbs(grey, alpha=0.3), cv2.COLOR_GRAY2RGB)
