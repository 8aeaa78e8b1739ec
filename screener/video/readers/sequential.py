"""A video file, frame by frame: OpenCV reads, the timeline says what there should be, PyAV steps in where OpenCV falls short.

Where the settings ask for a card, the card reads first, and the two step in for it.

A short read never counts as complete. Does not know processes; see `worker`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.timeline import Timeline, first_video, open_container, read_timeline
from screener.video.ledger import Complaints, Ledger
from screener.video.readers.card import CARD
from screener.video.readers.nvdec import NvdecReader, can_read
from screener.video.readers.opencv import OpenCVReader
from screener.video.readers.pyav import PyAVReader
from screener.video.readers.reader import Reader
from screener.video.readers.upright import check_pixels
from screener.video.sampling import Sampling, Selector, chosen_seconds

_SILENT_IN_OPENCV = frozenset({"vp8"})
"""Codecs whose lost pictures OpenCV neither counts nor complains of."""


class FileDecoding:
    """One pass over a video file. `steps` yields the sampled frames, and None while it works its way to the next.

    Raises SourceError at construction if the file holds no video that can be decoded.
    """

    def __init__(
        self, path: Path, shown_name: str, settings: ScanSettings, complaints: Complaints, alive: Callable[[], None] = lambda: None
    ) -> None:
        """alive: called now and then while the packets are walked."""
        self._path = path
        self._name = shown_name
        self._settings = settings
        self._complaints = complaints
        limit = settings.time_limit_seconds
        self._deadline = None if limit is None else time.monotonic() + limit
        self._alive = alive
        self._timeline = timeline = read_timeline(path, shown_name, self._on_walk, settings)
        check_pixels(*timeline.size_wh, settings.max_pixels, shown_name)
        self._targets = chosen_seconds(timeline.seconds, timeline.end_seconds, Sampling.from_settings(settings))
        self._selector = Selector(None if settings.all_frames else self._targets)
        self._clock = Clock(timeline)
        self._sizes: set[tuple[int, int]] = set()
        self._faults = 0
        self.expected_frames: int | None = len(self._targets)
        self.ledger = Ledger(
            duration_seconds=timeline.end_seconds,
            size_wh=timeline.size_wh,
            fps=1 / timeline.frame_seconds,
            codec=timeline.codec,
            frames_promised=timeline.frames_promised,
            warnings=list(timeline.warnings),
        )

    def _on_walk(self) -> None:
        self._alive()
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise SourceError("limit_time", f"{self._name}: the time limit was reached before the first frame; raise time_limit_seconds")

    def steps(self) -> Iterator[Frame | None]:
        yield from self._card_steps()
        if not self.ledger.frames_decoded:
            yield from self._opencv_steps()
        if self._falls_short() and "limit_time" not in self.ledger.reasons:
            yield from self._pyav_steps()
        if not self.ledger.frames_decoded:
            raise self._nothing_decoded()
        self._judge_coverage()

    def _card_steps(self) -> Iterator[Frame | None]:
        if not self._settings.decodes_on_card or not can_read(self._timeline):
            return
        container = CARD.open(self._path, self._name)
        stream, _ = first_video(container, self._name)
        reader = NvdecReader(
            container, stream, self._timeline, self._complaints, shown_name=self._name, max_pixels=self._settings.max_pixels
        )
        try:
            yield from self._read(reader)
        finally:
            CARD.is_spent |= reader.has_failed
            if reader.frames_read:
                self.ledger.warn("damage_unverified")
            else:
                self._complaints.new()  # a codec that the card lacks is no damage

    def _opencv_steps(self) -> Iterator[Frame | None]:
        timeline = self._timeline
        if timeline.sizes_change or not timeline.first_stream or timeline.codec in _SILENT_IN_OPENCV:
            return
        options = {"protocol_whitelist": "file", "format_whitelist": timeline.format}
        try:
            reader = OpenCVReader(
                os.fsencode(os.path.abspath(self._path)),
                options,
                shown_name=self._name,
                max_pixels=self._settings.max_pixels,
                origin_seconds=timeline.reader_origin_seconds,
                sample_aspect_ratio=timeline.sample_aspect_ratio,
            )
        except SourceError:
            return
        reader.frames_expected = len(timeline.seconds)
        yield from self._read(reader)
        if not reader.frames_read:
            self._complaints.new()  # a codec OpenCV lacks is no damage

    def _pyav_steps(self) -> Iterator[Frame | None]:
        container = open_container(self._path, self._name)
        stream, _ = first_video(container, self._name)
        reader = PyAVReader(
            container,
            stream,
            shown_name=self._name,
            max_pixels=self._settings.max_pixels,
            sample_aspect_ratio=self._timeline.sample_aspect_ratio,
        )
        already = self.ledger.frames_decoded > 0
        yield from self._read(reader, skip_past=already)

    def _read(self, reader: Reader, skip_past: bool = False) -> Iterator[Frame | None]:
        self._complaints.new()  # of walking the packets and of opening: damage is told from the frames
        try:
            while not self._out_of_time() and reader.grab():
                if skip_past and self._clock.is_past(reader.seconds, reader.frames_read - 1):
                    yield None
                    continue
                skip_past = False
                yield self._step(reader)
        finally:
            self._faults += reader.faults
            reader.close()

    def _step(self, reader: Reader) -> Frame | None:
        ledger = self.ledger
        pts_seconds = self._clock.place(reader.seconds)
        index = ledger.frames_decoded
        ledger.frames_decoded += 1
        if reader.name not in ledger.reader:
            ledger.reader = f"{ledger.reader}+{reader.name}".lstrip("+")
        if self._complaints.new():
            ledger.decode_errors += 1
        if not self._selector.wants(pts_seconds):
            return None
        picture = reader.picture()
        if picture is None:
            ledger.decode_errors += 1
            return None
        self._note_size(picture)
        ledger.frames_sampled += 1
        return Frame(picture, pts_seconds, index)

    def _note_size(self, picture: NDArray[np.uint8]) -> None:
        size_wh = (picture.shape[1], picture.shape[0])
        if not self._sizes:
            self.ledger.size_wh = size_wh
        self._sizes.add(size_wh)
        if len(self._sizes) > 1:
            self.ledger.warn("resolution_change")

    def _falls_short(self) -> bool:
        """Whether frames are missing and the read stopped before the last of them; frames lost on the way no reader brings back."""
        missing = self.ledger.frames_decoded < len(self._timeline.seconds)
        last = self._timeline.end_seconds - 1.5 * self._timeline.frame_seconds
        return not self.ledger.frames_decoded or (missing and self._clock.last_seconds < last)

    def _out_of_time(self) -> bool:
        if self._deadline is None or time.monotonic() < self._deadline:
            return False
        self.ledger.note("limit_time")
        return True

    def _nothing_decoded(self) -> SourceError:
        if "limit_time" in self.ledger.reasons:
            return SourceError("limit_time", f"{self._name}: the time limit was reached before the first frame; raise time_limit_seconds")
        if self._timeline.whole is False:
            return SourceError("truncated", f"{self._name}: cut short before the first whole frame")
        if len(self._timeline.seconds):
            frames = f"{len(self._timeline.seconds)} {self.ledger.codec} frames"
            return SourceError("corrupt", f"{self._name}: none of its {frames} can be decoded")
        return SourceError("no_video", f"{self._name}: its video stream holds no frame")

    def _judge_coverage(self) -> None:
        ledger, timeline = self.ledger, self._timeline
        if self._complaints.new():
            ledger.decode_errors += 1
        if timeline.whole is False:
            ledger.note("truncated")
        if "limit_time" in ledger.reasons:
            return
        lost = max(0, len(timeline.seconds) - ledger.frames_decoded)
        ledger.decode_errors += max(lost, timeline.corrupt_packets, self._faults)
        ledger.duration_seconds = max(timeline.end_seconds, self._clock.last_seconds + timeline.frame_seconds)
        if ledger.decode_errors and timeline.whole is not False:
            ledger.note("corrupt")


_TOLERANCE_SECONDS = 1e-4


class Clock:
    """Container time of a decoded frame -> seconds from the start, rising, also where the container is vague. Asked once for each frame."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.frames = 0
        self.last_seconds = -1.0

    def is_past(self, container_seconds: float | None, frames_before: int) -> bool:
        """Whether another reader already delivered this frame. frames_before: how many this reader has decoded before it."""
        if self._timeline.timed and container_seconds is not None:
            return container_seconds - self._timeline.origin_seconds <= self.last_seconds + _TOLERANCE_SECONDS
        return frames_before < self.frames

    def place(self, container_seconds: float | None) -> float:
        """Time of the next frame: its own where that can be trusted, else the next of the timeline, else one frame after the last."""
        seconds = self._own(container_seconds)
        if seconds is None:
            seconds = self._next_entry()
        self.frames += 1
        self.last_seconds = max(seconds, self.last_seconds)
        return self.last_seconds

    def _own(self, container_seconds: float | None) -> float | None:
        if not self._timeline.timed or container_seconds is None:
            return None
        seconds = container_seconds - self._timeline.origin_seconds
        return seconds if seconds >= max(self.last_seconds, -_TOLERANCE_SECONDS) - _TOLERANCE_SECONDS else None

    def _next_entry(self) -> float:
        seconds = self._timeline.seconds
        if not self._timeline.timed:
            following = self.frames
        else:
            following = int(seconds.searchsorted(self.last_seconds + _TOLERANCE_SECONDS, side="right"))
        if following < len(seconds):
            return float(seconds[following])
        return max(self.last_seconds + self._timeline.frame_seconds, 0.0)
