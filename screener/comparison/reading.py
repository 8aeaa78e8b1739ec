"""Reads the two files: a first pass for fingerprints of every picture, a second for the pictures to compare.

`video` decodes them in a separate process. Does not know what is compared or how.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.comparison.alignment import Recording
from screener.comparison.fingerprints import SIDE, fingerprint
from screener.comparison.records import Side
from screener.errors import SettingsError, SourceError
from screener.records import Frame, VideoFacts
from screener.runtime.file_hash import sha256_of
from screener.settings import ScanSettings
from screener.video import READ_ON_FRAMES, Source, SourceFailure, expand_sources, open_video

MOST_FRAMES = 6000
"""Most frames of a recording, 200 seconds at 30 per second, because alignment compares every pair of fingerprints."""

KEPT_PX = 1280
"""Longer side of the pictures that are kept until their partner is decoded."""

Progress = Callable[[str, int], None]
"""Called with the name of a file and the number of its pictures read so far."""


def as_source(argument: Source | str | Path) -> Source:
    """The argument as a single file. Raises SettingsError if it is not exactly one file, SourceError if it does not exist."""
    if isinstance(argument, Source):
        return argument
    found = expand_sources([str(argument)])
    if len(found) != 1:
        raise SettingsError(f"{argument}: names {len(found)} inputs; a comparison takes two files")
    if isinstance(found[0], SourceFailure):
        raise SourceError(found[0].reason, found[0].message)
    if found[0].kind not in ("file", "sequence"):
        raise SettingsError(f"{found[0].name}: a comparison reads its files twice; save the stream first, and name the file")
    return found[0]


def read(source: Source, settings: ScanSettings, on_progress: Progress) -> tuple[Side, Recording]:
    """Facts about the file, and a fingerprint of every picture. Raises SourceError if it is unreadable or has more than MOST_FRAMES."""
    seconds, prints, facts = [], [], VideoFacts()
    with open_video(source, _every_frame(settings)) as video:
        if video.expected_frames is not None and video.expected_frames > MOST_FRAMES:
            limit = f"has {video.expected_frames:,} pictures, more than {MOST_FRAMES:,}; cut out the part to be compared"
            raise SourceError("limit_size", f"{source.name}: {limit}")
        for frame in video.frames():
            seconds.append(frame.pts_seconds)
            prints.append(fingerprint(frame.picture_rgb))
            on_progress(source.name, len(seconds))
        facts = video.facts
    digest = None if source.path is None else sha256_of(source.path)
    made = np.stack(prints) if prints else np.zeros((0, SIDE * SIDE), np.float32)
    return Side(source.name, digest, facts), Recording(np.array(seconds, np.float64), made)


def pictures(source: Source, settings: ScanSettings, wanted: Collection[int]) -> Iterator[tuple[int, Frame]]:
    """The pictures with these indices, in order, reduced to a longer side of KEPT_PX. Decoding stops soon after the last one."""
    last, left = max(wanted, default=-1), set(wanted)
    if not left:
        return
    with open_video(source, _every_frame(settings)) as video:
        for number, frame in enumerate(video.frames()):
            if number in left:
                yield number, replace(frame, picture_rgb=_reduced(frame.picture_rgb))
            if number >= last + READ_ON_FRAMES:
                return


def _every_frame(settings: ScanSettings) -> ScanSettings:
    return replace(settings, all_frames=True, fps=None, until_sure=False, budget_seconds=None)


def _reduced(picture_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture_rgb.shape[:2]
    scale = KEPT_PX / max(height, width)
    if scale >= 1:
        return picture_rgb
    size_wh = max(2, round(width * scale)), max(2, round(height * scale))
    return np.asarray(cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
