"""Which numbered pictures of a folder are the frames of one film, and which are an album of separate photographs.

Frames are judged together and sampled, and a manipulated photograph among them would be outvoted. So a series must really be one: named
and numbered as programs do it that take films apart, without gaps, of one size, taken without pauses, and each similar to the one before.
In doubt pictures are an album, in which each is judged by itself. Reads names and headers, and has a few pictures decoded in the decoding
process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.runtime.absolute_paths import absolute_path
from screener.settings import ScanSettings
from screener.video.container.gate import check_file
from screener.video.inputs.media import PICTURE_SUFFIXES
from screener.video.inputs.picture_facts import picture_facts
from screener.video.sandbox.decoded_video import open_video
from screener.video.sources import Source

FEWEST = ScanSettings.min_frames
"""Fewer pictures than a person in a film is judged by are an album."""

FEWEST_PADDED, FEWEST_PLAIN = 25, 100
"""Fewest pictures of a film whose name says nothing of it: a second of film if the numbers have leading zeros, four seconds if not.
Photographs are numbered too, but seldom so many that resemble each other.
"""

LEAST_SHARE = 0.8
"""Share of the numbers between the first and the last that must be present, as a film may have lost frames."""

LONGEST_GAP = 25
"""How many consecutive numbers may be missing: one second of film."""

LONGEST_PAUSE_SECONDS = 2.0
"""Longest time between neighbouring pictures, if known."""

PAIRS = 4
UNLIKE = 0.6
"""How much neighbours may differ, relative to the contrast of a picture (mean difference of its pixels from their mean); unrelated pictures
differ by about 1.
"""

_GRID = 32
_LEAST_CONTRAST = 8.0

_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)", re.DOTALL)
_CAMERA = re.compile(
    r"[A-Z0-9_]{4}\d{4}\.[A-Z0-9]+|(?:IMG|PXL|MVIMG|VID|DSC|DSCN|DSCF|DJI|GOPR|PANO|BURST|WP|SAM|CIMG|PICT)[-_ ]?\d+.*", re.DOTALL
)
"""Names that cameras give to single photographs: by their standard (JEITA CP-3461), and by phones."""

_FRAMES = re.compile(r".*frames?[^a-z0-9]*", re.DOTALL | re.IGNORECASE)
_PHOTOGRAPHS = re.compile(
    r"(?:.*[^a-z])?(?:photo(?:graph)?|foto|pic|picture|portrait|selfie|scan|screen[-_ ]?shot|shot|snap(?:shot)?)s?[^a-z0-9]*",
    re.DOTALL | re.IGNORECASE,
)
"""What names say before the number."""

_LEAST_DIGITS = 3


@dataclass(frozen=True)
class _Numbered:
    """Pictures in order of their numbers. prefix: what each name says before its number. is_padded: the numbers have leading zeros."""

    paths: tuple[str, ...]
    numbers: tuple[int, ...]
    prefix: str
    is_padded: bool


def film_of(files: Sequence[str]) -> tuple[str, ...]:
    """The files in numerical order if all of them are the frames of one film, else empty."""
    found = _numbered(files)
    if found is None or not (_is_named_like_a_film(found) and _is_dense(found.numbers)):
        return ()
    return found.paths if _is_taken_in_one_go(found.paths) and _are_single(found.paths) and _is_alike(found.paths) else ()


def _numbered(files: Sequence[str]) -> _Numbered | None:
    """None unless all files are pictures whose names have the same prefix and suffix with a unique number between, and are not
    a camera's.
    """
    if len(files) < FEWEST or any(os.path.splitext(path)[1].lower() not in PICTURE_SUFFIXES for path in files):
        return None
    matches = [_NUMBERED.fullmatch(os.path.basename(path)) for path in files]
    parts = [match.groups() for match in matches if match]
    if len(parts) < len(files) or len({(prefix, suffix) for prefix, _, suffix in parts}) > 1:
        return None
    by_number = {int(number): path for (_, number, _), path in zip(parts, files, strict=True)}
    if len(by_number) < len(files) or all(_CAMERA.fullmatch(os.path.basename(path)) for path in files):
        return None
    numbers = tuple(sorted(by_number))
    return _Numbered(tuple(by_number[number] for number in numbers), numbers, parts[0][0], _is_padded([digits for _, digits, _ in parts]))


def _is_padded(written: Sequence[str]) -> bool:
    """Whether all numbers have the same three digits or more, and some a leading zero. Those that outgrow this are many anyway."""
    widths = {len(digits) for digits in written}
    return len(widths) == 1 and min(widths) >= _LEAST_DIGITS and any(digits[0] == "0" for digits in written)


def _is_named_like_a_film(found: _Numbered) -> bool:
    """Whether the names are such as programs give to frames: `frame12.jpg`, or bare numbers with leading zeros. Other names, except those
    of photographs, may be of frames if there are many.
    """
    if _FRAMES.fullmatch(found.prefix) or (found.is_padded and not found.prefix):
        return True
    if _PHOTOGRAPHS.fullmatch(found.prefix):
        return False
    return len(found.paths) >= (FEWEST_PADDED if found.is_padded else FEWEST_PLAIN)


def _is_dense(numbers: Sequence[int]) -> bool:
    steps = np.diff(np.array(numbers, object)).astype(np.float64)  # a number may have more digits than a machine integer
    return bool(len(numbers) >= LEAST_SHARE * (numbers[-1] - numbers[0] + 1) and steps.max() <= LONGEST_GAP + 1)


def _is_taken_in_one_go(paths: Sequence[str]) -> bool:
    """Whether all have one size and orientation and there are no pauses between them; pictures that do not state these are ignored."""
    facts = [picture_facts(Path(path)) for path in paths]
    shapes = {(one.size_wh, one.orientation) for one in facts if one.size_wh is not None}
    taken = [one.taken_seconds for one in facts if one.taken_seconds is not None]
    return len(shapes) < 2 and all(abs(after - before) <= LONGEST_PAUSE_SECONDS for before, after in pairwise(taken))


def _are_single(paths: Sequence[str]) -> bool:
    """Whether no file holds an animation, of which a film would show one picture; files that cannot be read are ignored."""
    for path in paths:
        with suppress(SourceError):
            if check_file(Path(path)) in ("animation", "gif"):
                return False
    return True


def _is_alike(paths: Sequence[str]) -> bool:
    """Whether neighbours look nearly the same, in a few pairs from the middle; True if none of the pairs can be decoded."""
    starts = sorted({int(start) for start in np.linspace(0, len(paths) - 2, PAIRS)})
    pictures = Source(tuple(Path(absolute_path(path)) for start in starts for path in paths[start : start + 2]), "sequence", "pictures")
    small: dict[int, NDArray[np.float64]] = {}
    with suppress(SourceError), closing(open_video(pictures, ScanSettings(all_frames=True))) as video:
        for frame in video.frames():
            small[frame.index] = _small(frame.picture_rgb)
    whole = [(small[first], small[first + 1]) for first in range(0, 2 * len(starts), 2) if first in small and first + 1 in small]
    return not whole or float(np.median([_difference(*pair) for pair in whole])) <= UNLIKE


def _difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean difference of two pictures relative to their contrast."""
    if one.shape != other.shape:
        return float("inf")
    contrast = np.mean([np.abs(picture - picture.mean()).mean() for picture in (one, other)])
    return float(np.abs(one - other).mean() / max(contrast, _LEAST_CONTRAST))


def _small(picture_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(H, W, 3) -> mean grey levels of at most 32 x 32 cells."""
    rows, columns = (min(_GRID, side) for side in picture_rgb.shape[:2])
    height, width = picture_rgb.shape[0] // rows, picture_rgb.shape[1] // columns
    cut = picture_rgb[: rows * height, : columns * width].reshape(rows, height, columns, width, 3)
    return np.asarray(cut.mean((1, 3, 4)), np.float64)
