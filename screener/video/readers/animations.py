"""Animations in picture formats: GIF, and animated PNG, WebP and AVIF."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.opening import check_pixels
from screener.video.container.structure.gif import read_blocks
from screener.video.ledger import Complaints, Ledger
from screener.video.readers.gif_canvas import canvases
from screener.video.readers.more_pictures import holds_more, pictures_held
from screener.video.readers.pictures import check_header, codec_of, pillow_frames, read_bytes
from screener.video.readers.pillow_errors import PILLOW_ERRORS
from screener.video.readers.upright import bgr_as_rgb
from screener.video.sampling import Sampler, Sampling, chosen_seconds

_SHORTEST_DELAY = 2
_USUAL_DELAY = 10
"""Hundredths of a second that every browser uses for a picture with a shorter delay or none."""

_SHORTEST_SECONDS = 0.001

Pictures = list[tuple[NDArray[np.uint8], float]]
"""(H, W, 3) uint8 RGB of each picture, and how many seconds it is shown."""


class AnimationDecoding:
    """An animated PNG, WebP or AVIF, decoded as a whole. Its total number of pixels is limited, because all of them are in
    memory at once.
    """

    def __init__(
        self, path: Path, shown_name: str, settings: ScanSettings, complaints: Complaints, alive: Callable[[], None] = lambda: None
    ) -> None:
        complaints.new()
        data = read_bytes(path, shown_name)
        check_header(data, shown_name, settings.max_pixels)
        is_avif = data[4:8].tobytes() == b"ftyp"
        given = list(pillow_frames(data, shown_name, settings.max_pixels)) if is_avif else _by_opencv(data)
        if complaints.new() or not given:
            raise SourceError("corrupt", f"{shown_name}: its animation cannot be decoded")
        self._pictures = [picture for picture, _ in given]
        width, height = self._pictures[0].shape[1], self._pictures[0].shape[0]
        check_pixels(width, height, settings.max_pixels, shown_name)
        durations = np.maximum([seconds for _, seconds in given], _SHORTEST_SECONDS)
        self._seconds = np.concatenate([[0.0], np.cumsum(durations)[:-1]])
        end_seconds = float(durations.sum())
        self._targets = chosen_seconds(self._seconds, end_seconds, Sampling.from_settings(settings))
        self.expected_frames: int | None = len(self._targets)
        self.ledger = Ledger(
            duration_seconds=end_seconds,
            size_wh=(width, height),
            fps=len(given) / end_seconds,
            codec=codec_of(path),
            reader="pillow" if is_avif else "opencv",
            frames_promised=len(given),
        )
        if complaints.were_harmless:
            self.ledger.warn("harmless_complaints")
        if holds_more(data.tobytes()):
            self.ledger.warn("second_part")
            self.ledger.note("unread_part")
        held = pictures_held(data.tobytes())
        if held > len(given):  # the decoder stops at a number of its own, or at the one that the file declares
            self.ledger.frames_promised = held
            self.ledger.note("unread_part")

    def steps(self) -> Iterator[Frame | None]:
        """Yield the sampled frames."""
        selector = Sampler(self._targets)
        for index, (picture, seconds) in enumerate(zip(self._pictures, self._seconds, strict=True)):
            self.ledger.frames_decoded += 1
            if selector.wants(float(seconds)):
                self.ledger.frames_sampled += 1
                yield Frame(picture, float(seconds), index)


class GifDecoding:
    """A GIF, decoded picture by picture with Pillow, because FFmpeg does not read all of it. A GIF of one picture is a still.

    Each picture is drawn over those before it, so nothing is given out after a damaged one.
    """

    def __init__(
        self, path: Path, shown_name: str, settings: ScanSettings, complaints: Complaints, alive: Callable[[], None] = lambda: None
    ) -> None:
        self._path, self._name, self._settings = path, shown_name, settings
        limit = settings.time_limit_seconds
        self._deadline = None if limit is None else time.monotonic() + limit
        with open(path, "rb") as file:
            self._blocks = read_blocks(file, alive)
        delays = [delay if delay >= _SHORTEST_DELAY else _USUAL_DELAY for delay in self._blocks.delays]
        if not delays:
            raise SourceError("not_media", f"{shown_name}: a GIF without a picture")
        ends = np.cumsum(delays) / 100
        self._seconds, end_seconds = ends - np.asarray(delays) / 100, float(ends[-1])
        self._targets = chosen_seconds(self._seconds, end_seconds, Sampling.from_settings(settings))
        self.expected_frames: int | None = len(self._targets)
        is_still = len(delays) == 1 and not self._blocks.is_cut
        self.ledger = Ledger(
            duration_seconds=0.0 if is_still else end_seconds,
            fps=0.0 if is_still else len(delays) / end_seconds,
            codec="gif",
            reader="pillow",
            is_still=is_still,
            frames_promised=len(delays),
        )
        if self._blocks.goes_on:
            self.ledger.warn("second_part")
            self.ledger.note("unread_part")

    def steps(self) -> Iterator[Frame | None]:
        """Yield the sampled frames, and None for each picture between them."""
        ledger, selector = self.ledger, Sampler(self._targets)
        for index, picture in enumerate(self._pictures()):
            seconds = float(self._seconds[index])
            ledger.frames_decoded += 1
            ledger.size_wh = (picture.shape[1], picture.shape[0])
            if not selector.wants(seconds):
                yield None
                continue
            ledger.frames_sampled += 1
            yield Frame(picture.copy(), seconds, index)
        self._judge_coverage()

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        """The whole canvas after each picture, up to the first that cannot be decoded."""
        try:
            for picture in canvases(self._path, self._name, self._settings.max_pixels):
                if self._deadline is not None and time.monotonic() > self._deadline:
                    self.ledger.note("limit_time")
                    return
                yield picture
        except SourceError:
            raise
        except PILLOW_ERRORS:
            return

    def _judge_coverage(self) -> None:
        ledger, blocks = self.ledger, self._blocks
        lost = 0 if "limit_time" in ledger.reasons else len(self._seconds) - ledger.frames_decoded
        ledger.decode_errors += lost + blocks.faults
        if blocks.is_cut and not blocks.faults:
            ledger.note("truncated")
        elif ledger.decode_errors:
            ledger.note("corrupt")
        if not ledger.frames_sampled and "limit_time" not in ledger.reasons:
            raise SourceError("truncated" if blocks.is_cut else "corrupt", f"{self._name}: none of its pictures can be decoded")


def _by_opencv(data: NDArray[np.uint8]) -> Pictures:
    read, animation = cv2.imdecodeanimation(data)
    pictures = list(animation.frames) if read else []
    seconds = np.asarray(animation.durations, np.float64).reshape(-1)[: len(pictures)] / 1000
    return [(bgr_as_rgb(picture), float(shown)) for picture, shown in zip(pictures, seconds, strict=True)]
