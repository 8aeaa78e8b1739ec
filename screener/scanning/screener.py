"""`Screener`: models loaded once, and inputs judged with them by the pass that the settings ask for.

Does not know the command line, report formats or runs over many inputs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.errors import SettingsError, SourceError
from screener.records import FaceScore, Frame, Verdict
from screener.scanning.conclusion import Findings, verdict_on
from screener.scanning.given_frames import GivenFrames
from screener.scanning.models import Models
from screener.scanning.progressive_pass import ProgressivePass
from screener.scanning.single_pass import OnProgress, SinglePass
from screener.scanning.stages import FrameTransform
from screener.video import Source, SourceFailure, expand_sources
from screener.video.sources import printable_name


class Screener(Models):
    """Models loaded once, for any number of inputs, also in several threads at once."""

    def scan(
        self,
        source: Source | SourceFailure | str | bytes | Path,
        on_progress: OnProgress | None = None,
        frame_transform: FrameTransform | None = None,
    ) -> Verdict:
        """Judge one input. Never raises for a bad input: the verdict is then undecided, coverage none, with the reason.

        on_progress: called after each frame with how many were looked at, and how many are expected in all, None where that is not known.
        An exception that it raises calls the scan off: it comes out of here, and the decoding process ends.
        """
        found = as_source(source)
        if isinstance(found, SourceFailure):
            failure = SourceError(found.reason, found.message)
            nowhere = Source(found.name, "file", found.name, None)
            return verdict_on(self, Findings(nowhere, time.perf_counter(), failure=failure))
        kind = ProgressivePass if self.settings.progressive else SinglePass
        looking = kind(self, found, on_progress, frame_transform)
        for _ in looking.scores():
            pass
        return looking.verdict()

    def scan_frames(
        self,
        frames: Iterable[NDArray[np.uint8] | Frame],
        fps: float | Fraction = 25.0,
        name: str = "frames",
        on_progress: OnProgress | None = None,
    ) -> Verdict:
        """Judge pictures in memory: all of them, so the settings for sampling do not apply.

        frames: (H, W, 3) uint8 arrays, RGB and upright, `1 / fps` seconds apart, or `Frame` objects with times of their own, in order and
        with rising indices; taken as needed and not kept. name: what the verdict calls them. Raises SettingsError for something that is
        not a picture, or out of order.
        """
        given = GivenFrames(frames, fps, self.settings.max_pixels)
        looking = SinglePass(self, Source(name, "frames", printable_name(name)), on_progress, given=given)
        for _ in looking.scores():
            pass
        return looking.verdict()

    def scan_stream(self, source: Source | str | bytes | Path) -> Iterator[FaceScore]:
        """Yield the scores of one input as they are computed, in the order of its frames. Raises SourceError if it cannot be
        read at all.
        """
        found = as_source(source)
        if isinstance(found, SourceFailure):
            raise SourceError(found.reason, found.message)
        if self.settings.progressive:
            raise SettingsError("scan_stream gives scores in the order of frames; until_sure and budget_seconds have none: use scan")
        if self.settings.stress:
            raise SettingsError("scan_stream gives scores and no verdict that could hold or not: use scan with stress")
        looking = SinglePass(self, found)
        yield from looking.scores()
        if looking.failure is not None:
            raise looking.failure


def as_source(source: Source | SourceFailure | str | bytes | Path) -> Source | SourceFailure:
    """One path, URL or camera -> its input. Raises SettingsError if it names several."""
    if isinstance(source, (Source, SourceFailure)):
        return source
    found = expand_sources([source])
    if len(found) != 1:
        raise SettingsError(f"{os.fsdecode(source)}: names {len(found)} inputs; give them one at a time to Screener.scan")
    return found[0]
