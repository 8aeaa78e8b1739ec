"""One annotated picture: a frame with the verdict drawn on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from screener.annotation.people import BOLD, COLOURS, REGULAR, WHITE, Part, Shown, draw_people, status_bar
from screener.records import Verdict
from screener.report.wording import clock, score


def annotated(picture_rgb: NDArray[np.uint8], people: Sequence[Shown], verdict: Verdict, seconds: float | None) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB -> a copy with boxes, numbers, scores and a status bar. seconds: time of the frame, None for a picture."""
    made = np.array(picture_rgb, np.uint8, order="C")
    draw_people(made, people)
    parts: list[Part] = [] if seconds is None else [(clock(seconds, 2), WHITE, REGULAR)]
    if verdict.p_fake is not None:
        parts.append((f"score {score(verdict.p_fake)}", WHITE, BOLD))
    parts.append((f"fake from {score(verdict.threshold)}", WHITE, REGULAR))
    if name := verdict.checkpoint.get("name"):
        parts.append((str(name), WHITE, REGULAR))
    status_bar(made, verdict.outcome.upper(), COLOURS[verdict.outcome], parts)
    return made
