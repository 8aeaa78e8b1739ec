"""Samples a video file by seeking: one frame for each slice asked for, without decoding what lies between.

Whether the file is whole is judged by its structure alone. Damage between the frames goes unnoticed, which the warning `sparse` says. Does
not know why the slices are wanted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from av.video.frame import VideoFrame

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.end import ends_early
from screener.video.container.facts import Facts
from screener.video.container.looks import facts_for_looks
from screener.video.container.opening import check_duration, check_pixels, check_stream, first_video, open_container
from screener.video.container.policy import plan_for
from screener.video.ledger import Complaints, Ledger
from screener.video.readers.pyav import View
from screener.video.readers.seeking import SeekingReader
from screener.video.seek_plan import SeekPlan, Slice, spread_order

_END_SECONDS = 0.5
"""How much earlier than stated a whole video may end: muxers count the last frame and the padding of audio differently."""

_DEFAULT_FPS = 25.0


class SpreadDecoding:
    """One look at a file. `steps` yields a frame for each slice that has a new one, in any order of time, and None while it searches.

    If `can_seek` is False, single frames cannot be had and the file must be decoded in order. Raises SourceError at construction if the
    file holds no video.
    """

    def __init__(
        self, path: Path, shown_name: str, settings: ScanSettings, complaints: Complaints, look: SeekPlan, alive: Callable[[], None]
    ) -> None:
        self._name, self._settings, self._complaints = shown_name, settings, complaints
        limit = settings.time_limit_seconds
        self._deadline = None if limit is None else time.monotonic() + limit
        self._is_cut = False
        self._taken = {round(seconds, 6) for seconds, _ in look.taken}
        self._indices = {index for _, index in look.taken}
        container = open_container(path, shown_name)
        try:
            stream, _ = first_video(container, shown_name)
            check_stream(container, stream, settings, shown_name)
            check_pixels(stream.codec_context.width, stream.codec_context.height, settings.max_pixels, shown_name)
            self._stream, self._view = stream, View(stream, shown_name, settings.max_pixels)
            self._reader = SeekingReader(container, stream, complaints)
            self._facts = facts = facts_for_looks(path, shown_name, container, stream, alive, settings)
            if facts.timeline is not None:
                self._reader.go_by(facts.timeline)
            check_duration(self._reader.duration_seconds, settings, shown_name)
            plan = plan_for(facts)
            alive()
            self._whole = self._is_whole(path)
            self.can_seek = not plan.in_order and self._reader.can_seek() and self._ends_where_stated()
        except BaseException:
            container.close()
            raise
        fps = float(stream.guessed_rate or stream.average_rate or _DEFAULT_FPS)
        self.ledger = Ledger(
            duration_seconds=self._reader.duration_seconds,
            size_wh=facts.size_wh,
            fps=fps,
            codec=facts.codec,
            reader=self._reader.name,
            frames_promised=max(0, stream.frames),
            reasons=list(plan.reasons),
            warnings=list(dict.fromkeys(("sparse", *plan.warnings, *(facts.timeline.warnings if facts.timeline else ())))),
        )
        if self._whole is None:
            self.ledger.warn("end_unverified")
        self._slices = self._in_order(look.slices)
        self.expected_frames: int | None = len(self._slices)

    @property
    def facts_of_all(self) -> Facts | None:
        """Facts about the whole file, if all its packets were read, else None."""
        return self._facts if self._facts.timeline is not None else None

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def steps(self) -> Iterator[Frame | None]:
        """Yield a frame for each slice that has a new one, and None while searching."""
        try:
            self._complaints.new()  # drop the messages of opening and of a trial seek: only those of decoding tell damage
            for part in self._slices:
                if self._out_of_time():
                    break
                yield from self._frame_of(part)
        finally:
            self.close()
        self._judge_coverage()

    def _is_whole(self, path: Path) -> bool | None:
        if self._facts.timeline is not None:
            return self._facts.timeline.whole
        early = ends_early(path)
        if early or not self._reader.index_fits(path):
            return False
        return None if early is None else True

    def _ends_where_stated(self) -> bool:
        """Whether the slices are fractions of all that there is. Also True of a file that is known to be read in part only."""
        is_partial = self._whole is False or self._facts.is_unwalked
        return is_partial or self._facts.timeline is not None or self._reader.ends_as_stated()

    def _in_order(self, slices: tuple[Slice, ...]) -> list[Slice]:
        """Far apart first if each slice needs a seek anyway; else in order of time, so that what lies between is decoded only once."""
        if not self.can_seek or not slices:
            return list(slices)
        width_seconds = min(end - start for start, _, end in slices) * self._reader.duration_seconds
        return spread_order(slices) if self._reader.key_is_near(width_seconds) else sorted(slices)

    def _frame_of(self, part: Slice) -> Iterator[Frame | None]:
        duration = self._reader.duration_seconds
        start, target, end = (fraction * duration for fraction in part)
        if self._reader.ended_seconds is not None and start >= self._reader.ended_seconds:
            return
        found: VideoFrame | None = None
        for found in self._reader.find(start, target, end):
            if found is None:
                yield None
                if self._out_of_time():
                    return
        damaged = bool(self._complaints.new(at_a_cut=True)) or self._reader.losses.is_broken or self._is_unforeseen(found)
        if damaged or found is None:
            self.ledger.decode_errors += damaged or self._reader.ended_seconds is None
            return
        self.ledger.frames_decoded += 1
        frame = self._as_frame(found)
        if frame is not None:
            yield frame

    def _is_unforeseen(self, found: VideoFrame | None) -> bool:
        """Whether nothing announced before that a frame cannot be shown alone: it is interlaced, which is two moments, or the pictures say
        how they are turned, which holds for others than those that say it.
        """
        return self._reader.turned or (found is not None and found.interlaced_frame)

    def _as_frame(self, found: VideoFrame) -> Frame | None:
        """None for a frame that was already given, or whose picture cannot be converted."""
        seconds = self._reader.seconds_of(found)
        if seconds is None or round(seconds, 6) in self._taken:
            return None
        picture = self._view.picture(self._view.seen(found, self._stream, seconds))
        if picture is None:
            self.ledger.decode_errors += 1
            return None
        self._taken.add(round(seconds, 6))
        index = round(seconds * self.ledger.fps)
        while index in self._indices:  # happens if the frame rate varies
            index += 1
        self._indices.add(index)
        size_wh = (picture.shape[1], picture.shape[0])
        if self.ledger.frames_sampled and size_wh != self.ledger.size_wh:
            self.ledger.warn("resolution_change")
        else:
            self.ledger.size_wh = size_wh
        self.ledger.frames_sampled += 1
        return Frame(picture, seconds, index)

    def _out_of_time(self) -> bool:
        if self._deadline is None or time.monotonic() < self._deadline:
            return False
        self._is_cut = True
        self.ledger.note("limit_time")
        return True

    def _judge_coverage(self) -> None:
        ledger, ended = self.ledger, self._reader.ended_seconds
        ledger.decode_errors += self._reader.losses.count
        if self._complaints.were_harmless:
            ledger.warn("harmless_complaints")
        promised = ledger.duration_seconds
        if self._whole is False or (ended is not None and ended + max(_END_SECONDS, 2 / ledger.fps) < promised):
            ledger.note("truncated")
        elif ledger.decode_errors:
            ledger.note("corrupt")
        if ended is not None:
            ledger.duration_seconds = min(promised, ended)
        if not self._taken and not self._is_cut:
            reason = "truncated" if "truncated" in ledger.reasons else "corrupt"
            raise SourceError(reason, f"{self._name}: no frame of its {ledger.codec} video could be decoded where it was tried")
