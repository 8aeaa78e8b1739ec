"""Reads a video file frame by frame: the facts say what to expect, the policy which readers may decode it, and those read it in turn.

A short read never counts as complete; a damaged picture is counted and not given out. Does not know processes; see `sandbox.worker`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.records import Frame
from screener.runtime.absolute_paths import absolute_path
from screener.settings import ScanSettings
from screener.video.container.clock import Clock
from screener.video.container.facts import Facts, read_facts
from screener.video.container.opening import first_video, open_container
from screener.video.container.policy import plan_for
from screener.video.ledger import Complaints, Ledger
from screener.video.readers.careful import CarefulReader
from screener.video.readers.nvdec import NvdecReader, can_read
from screener.video.readers.nvdec_card import CARD
from screener.video.readers.opencv import OpenCVReader
from screener.video.readers.pyav import PyAVReader, plain_picture
from screener.video.readers.reader import Reader
from screener.video.sampling import Sampler, Sampling, chosen_seconds

_SAME_LEVELS = 2.0
"""Two readers' pictures are the same one if their mean difference is at most this, in 8-bit levels."""

_TOLERANCE_SECONDS = 1e-4
_LAST_READER = "careful"


class FileDecoding:
    """One pass over a video file. `steps` yields the sampled frames, and None for each frame between them.

    Raises SourceError at construction if the file holds no video that can be decoded.
    """

    def __init__(
        self,
        path: Path,
        shown_name: str,
        settings: ScanSettings,
        complaints: Complaints,
        alive: Callable[[], None] = lambda: None,
        facts: Facts | None = None,
    ) -> None:
        """alive: called now and then while the packets are read. facts: about the whole file, if already known."""
        self._path = path
        self._name = shown_name
        self._settings = settings
        self._complaints = complaints
        limit = settings.time_limit_seconds
        self._deadline = None if limit is None else time.monotonic() + limit
        self._alive = alive
        self._facts = facts = facts or read_facts(path, shown_name, self._on_walk, settings)
        assert facts.timeline is not None
        self._timeline = timeline = facts.timeline
        self._plan = plan_for(facts)
        first = float(timeline.seconds[0]) if len(timeline.seconds) else 0.0
        targets = first + chosen_seconds(timeline.seconds - first, timeline.end_seconds - first, Sampling.from_settings(settings))
        self._selector = Sampler(None if settings.all_frames else targets)
        self._owed = False
        self._reached = float("-inf")
        self._sizes: set[tuple[int, int]] = set()
        self._faults = 0
        self._is_damaged = self._is_deceived = False
        self.expected_frames: int | None = len(targets)
        self.ledger = Ledger(
            duration_seconds=timeline.end_seconds,
            size_wh=facts.size_wh,
            fps=1 / timeline.frame_seconds if "variable_rate" in timeline.warnings else float(timeline.rate),
            frame_rate=str(timeline.rate),
            codec=facts.codec,
            frames_promised=timeline.frames_promised,
            reasons=list(self._plan.reasons),
            warnings=list(dict.fromkeys((*self._plan.warnings, *timeline.warnings))),
        )

    def _on_walk(self) -> None:
        self._alive()
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise SourceError("limit_time", f"{self._name}: the time limit was reached before the first frame; raise time_limit_seconds")

    def steps(self) -> Iterator[Frame | None]:
        """Yield the sampled frames, and None for each frame between them. Raises SourceError if no frame could be decoded."""
        for name in self._plan.readers:
            if self._is_done():
                break
            if self._is_damaged and name != _LAST_READER:
                continue
            reader = _OPENERS[name](self)
            if reader is not None:
                yield from self._read(reader)
        if not self.ledger.frames_decoded:
            raise self._nothing_decoded()
        self._judge_coverage()

    def _is_done(self) -> bool:
        """Whether another reader would add nothing: no reader recovers frames that were lost on the way."""
        if "limit_time" in self.ledger.reasons:
            return True
        missing = self.ledger.frames_decoded < len(self._timeline.seconds)
        last = self._timeline.end_seconds - 1.5 * self._timeline.frame_seconds
        trusted = not self._is_damaged and not self._is_deceived
        return self.ledger.frames_decoded > 0 and trusted and not (missing and self._reached < last)

    def _open_card(self) -> Reader | None:
        if not self._settings.decodes_on_card or not can_read(self._facts):
            return None
        container = CARD.open(self._path, self._name)
        stream, _ = first_video(container, self._name)
        return NvdecReader(container, stream, self._facts, self._complaints, shown_name=self._name, max_pixels=self._settings.max_pixels)

    def _open_opencv(self) -> Reader | None:
        if self.ledger.frames_decoded:
            return None  # OpenCV cannot continue from the middle
        options = {"protocol_whitelist": "file", "format_whitelist": self._facts.format}
        try:
            reader = OpenCVReader(
                os.fsencode(absolute_path(self._path)),
                options,
                shown_name=self._name,
                max_pixels=self._settings.max_pixels,
                origin_seconds=self._timeline.reader_origin_seconds,
                sample_aspect_ratio=self._facts.sample_aspect_ratio,
            )
        except SourceError:
            return None
        reader.frames_expected = len(self._timeline.seconds)
        return reader

    def _open_pyav(self) -> Reader | None:
        container, stream, how = self._opened()
        return PyAVReader(container, stream, **how)

    def _open_careful(self) -> Reader | None:
        container, stream, how = self._opened()
        return CarefulReader(container, stream, self._complaints, **how)

    def _opened(self) -> tuple[InputContainer, VideoStream, dict[str, Any]]:
        """The file opened again, its video stream, and the arguments for PyAV's readers."""
        container = open_container(self._path, self._name, options=self._plan.options)
        how = {"shown_name": self._name, "max_pixels": self._settings.max_pixels, "sizes_change": self._facts.parameter_sets > 1}
        return container, first_video(container, self._name)[0], how

    def _read(self, reader: Reader) -> Iterator[Frame | None]:
        """Frames from where the previous reader stopped. Stops, so that the next reader goes on, if this one does not show what is there or
        cannot tell which picture its decoder reports as damaged.
        """
        self._complaints.new()  # drop the messages of opening and of reading the packets: only those of decoding tell damage
        clock, goes_on = Clock(self._timeline), self.ledger.frames_decoded > 0
        try:
            while not self._out_of_time() and reader.grab():
                seconds = clock.place(reader.seconds)
                if goes_on and seconds <= self._reached + _TOLERANCE_SECONDS:
                    yield None
                    continue
                goes_on = False
                if self._hears_damage(reader) or self._is_deceived_by(reader):
                    return
                yield self._step(reader, seconds)
            self._hears_damage(reader)
        finally:
            self._leave(reader)

    def _hears_damage(self, reader: Reader) -> bool:
        """Whether damage was reported to a reader that cannot tell where it is."""
        self._is_damaged = not isinstance(reader, CarefulReader) and bool(self._complaints.new())
        return self._is_damaged

    def _is_deceived_by(self, reader: Reader) -> bool:
        """Whether a reader cannot be trusted, judged by its first picture."""
        self._is_deceived = reader.name == "opencv" and reader.frames_read == 1 and not self._shows_the_first_picture(reader)
        return self._is_deceived

    def _shows_the_first_picture(self, reader: Reader) -> bool:
        """Whether the reader's first picture is the one that PyAV shows: a reader may report a picture without having written one."""
        first, picture = self._facts.first_picture, reader.picture()
        if first is None or picture is None:
            return False
        expected = plain_picture(first, self._facts.sample_aspect_ratio)
        if expected is None or expected.shape != picture.shape:
            return False
        return bool(cv2.norm(expected, picture, cv2.NORM_L1) <= _SAME_LEVELS * picture.size)

    def _leave(self, reader: Reader) -> None:
        if isinstance(reader, NvdecReader):
            CARD.is_spent |= reader.has_failed
            if reader.frames_read:
                self.ledger.warn("damage_unverified")
        if reader.frames_read:
            self._faults = max(self._faults, reader.faults)
        else:
            self._complaints.new()  # a missing codec is not damage
            self._is_damaged = False
        reader.close()

    def _step(self, reader: Reader, seconds: float) -> Frame | None:
        ledger, index = self.ledger, self.ledger.frames_decoded
        self._reached = seconds
        ledger.frames_decoded += 1
        if reader.name not in ledger.reader:
            ledger.reader = f"{ledger.reader}+{reader.name}".lstrip("+")
        self._owed |= self._selector.wants(seconds)
        picture = reader.picture() if reader.is_sound and self._owed else None
        if not reader.is_sound or (self._owed and picture is None):
            ledger.decode_errors += 1  # the next frame replaces it
        if picture is None:
            return None
        self._owed = False
        self._note_size(picture)
        ledger.frames_sampled += 1
        return Frame(picture, seconds, index)

    def _note_size(self, picture: NDArray[np.uint8]) -> None:
        size_wh = (picture.shape[1], picture.shape[0])
        if not self._sizes:
            self.ledger.size_wh = size_wh
        self._sizes.add(size_wh)
        if len(self._sizes) > 1:
            self.ledger.warn("resolution_change")

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
        """Compare what was expected with what was decoded."""
        ledger, timeline = self.ledger, self._timeline
        if self._complaints.were_harmless:
            ledger.warn("harmless_complaints")
        if timeline.whole is False:
            ledger.note("truncated")
        if "limit_time" in ledger.reasons:
            return
        lost = max(0, len(timeline.seconds) - ledger.frames_decoded)
        ledger.decode_errors += max(lost, timeline.corrupt_packets)
        ledger.decode_errors = ledger.decode_errors or self._faults
        ledger.duration_seconds = max(timeline.end_seconds, self._reached + timeline.frame_seconds)
        if ledger.decode_errors and timeline.whole is not False:
            ledger.note("corrupt")


_OPENERS: dict[str, Callable[[FileDecoding], Reader | None]] = {
    "nvdec": FileDecoding._open_card,
    "opencv": FileDecoding._open_opencv,
    "pyav": FileDecoding._open_pyav,
    "careful": FileDecoding._open_careful,
}
"""Reader's name in a plan -> opener. It returns None if that reader cannot read the file, or not from where the last one stopped."""
