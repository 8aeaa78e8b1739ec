"""Every kind by name, and which of them a file of a given number is: every other file is a plain one, so that each pair of container and
codec comes up, and the rest take turns."""

from __future__ import annotations

import random
from pathlib import Path

from truth import damage, joins, shapes, stills
from truth.facts import Made
from truth.shapes import Maker

PLAIN = "plain"
KINDS: dict[str, Maker] = {
    "size change, strung": shapes.resized_strung,
    "size change, copied": shapes.resized_copied,
    "interlaced": shapes.interlaced,
    "two tracks": shapes.several_tracks,
    "cover": shapes.cover,
    "display matrix": shapes.turned_matrix,
    "orientation message": shapes.turned_message,
    "hdr": shapes.high_dynamic_range,
    "joined": joins.joined,
    "second part": joins.programmes,
    "clock": joins.clocks,
    "times": joins.uneven,
    "repeated times": joins.repeated,
    "open group cut": joins.open_group,
    "discarded start": joins.hidden_start,
    "edit list": joins.edit_lists,
    "random join": joins.at_random,
    "packets left out": damage.dropped,
    "begins anywhere": damage.started_late,
    "cut short": damage.cut_short,
    "damaged": damage.damaged,
    "pictures spoilt": damage.half_pictures,
    "sound damaged": damage.spoilt_sound,
    "animation": stills.animation,
    "gif without control": stills.gif_without_control,
    "pages": stills.pages,
    "photograph": stills.photograph,
    "series": stills.series,
}


def kind_of(number: int) -> tuple[str, int]:
    """(name of the kind, how many of it came before)."""
    half = number // 2
    if number % 2 == 0:
        return PLAIN, half
    return list(KINDS)[half % len(KINDS)], half // len(KINDS)


def make(seed: int, number: int, folder: Path) -> Made:
    """The file of this number, which depends on the seed and the number alone. Raises where PyAV or Pillow cannot write it."""
    kind, turn = kind_of(number)
    maker = shapes.plain if kind == PLAIN else KINDS[kind]
    return maker(random.Random(f"{seed} {number}"), folder, turn)
