"""Addresses (http, https, rtsp) and cameras: frames as they come, with time-outs, without knowing beforehand what there will be.

A stream that promises an end is held against it. One that does not is watched for `stream_seconds`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.error import FFmpegError

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.allowed_codecs import check_codec
from screener.video.container.timeline import FILE_FORMATS, HDR_TRANSFERS, first_video, sample_aspect_ratio
from screener.video.ledger import Complaints, Ledger
from screener.video.masking import ENCODE, MASK
from screener.video.readers.opencv import OpenCVReader
from screener.video.readers.pyav import PyAVReader
from screener.video.readers.reader import Reader
from screener.video.readers.upright import check_pixels
from screener.video.readers.web_pictures import IsPicture, explained, is_picture
from screener.video.remote.fetching import is_web
from screener.video.remote.reaching import Reach
from screener.video.sampling import Pacer

TIMEOUT_SECONDS = 5.0
_ATTEMPTS = 16
ADDRESS_OPTIONS = {
    "protocol_whitelist": "http,https,httpproxy,tcp,tls,crypto,rtsp,rtp,rtcp,srtp,udp",
    "format_whitelist": f"{FILE_FORMATS},rtsp,mpjpeg,jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,tiff_pipe",
    "rtsp_flags": "prefer_tcp",
}
_OPENING_FAILURES: tuple[tuple[type[Exception], str, str], ...] = (
    (av.error.HTTPNotFoundError, "not_found", "the server has no such file"),
    (av.error.HTTPUnauthorizedError, "permission", "the server wants a login"),
    (av.error.HTTPForbiddenError, "permission", "the server refuses to hand it out"),
    (av.error.HTTPError, "stream_lost", "the server answered with an error"),
    (av.error.ExitError, "timeout", "no answer in time"),
    (av.error.InvalidDataError, "not_media", "the server sends no video; name the video itself, not a page that shows it"),
    (av.error.ArgumentError, "refused_playlist", "what the server sends opens other files, or is of no kind that is read here"),
    (FFmpegError, "stream_lost", "the connection failed"),
)


def opening_failure(error: FFmpegError, name: str) -> SourceError:
    """FFmpeg's error on opening or reading an address, in words for the user."""
    reason, message = next((reason, message) for kind, reason, message in _OPENING_FAILURES if isinstance(error, kind))
    hint = f"; {ENCODE}" if isinstance(error, av.error.HTTPUnauthorizedError) and MASK in name else ""
    return SourceError(reason, f"{name}: {message} ({error.strerror}){hint}")


@dataclass(frozen=True)
class _Promise:
    """What an address says of itself before it is read; 0 where it says nothing."""

    duration_seconds: float = 0.0
    frames: int = 0
    fps: float = 0.0
    codec: str = ""
    origin_seconds: float | None = 0.0
    warnings: tuple[str, ...] = ()


class StreamDecoding:
    """One pass over an address or a camera. Raises SourceError at construction if it cannot be opened, and IsPicture."""

    def __init__(
        self, target: str | int, shown_name: str, settings: ScanSettings, complaints: Complaints, takes_pictures: bool = False
    ) -> None:
        """takes_pictures: a picture is read as a stream of pictures, where it does not come to an end."""
        self._takes_pictures = takes_pictures
        self._target = target
        self._name = shown_name
        self._settings = settings
        self._complaints = complaints
        self._reach: Reach | None = None
        self._options = dict(ADDRESS_OPTIONS)
        if isinstance(target, str):
            self._reach = Reach(target, shown_name, settings.allow_private, TIMEOUT_SECONDS, settings.max_download_bytes)
            self._options |= self._reach.options
            self._target = target = self._reach.address
        try:
            self._promise = _Promise() if isinstance(target, int) else self._ask(target)
            self._reader: Reader = self._open(target)
        except (SourceError, IsPicture):
            self._close_reach()
            raise
        self._started = time.monotonic()
        self._endless = self._promise.duration_seconds <= 0
        self._last_seconds = 0.0
        self._ended = False  # by itself, and not because we have seen enough
        self._silent = False  # nothing came for nearly the time-out
        self._cut = False  # the server sent less than it said
        self._pacer, self.expected_frames = self._pace()
        promise = self._promise
        self.ledger = Ledger(fps=promise.fps, codec=promise.codec, frames_promised=promise.frames, warnings=list(promise.warnings))
        if self._endless:
            self.ledger.warn("end_unverified")

    def steps(self) -> Iterator[Frame | None]:
        try:
            yield from self._read()
            if not self.ledger.frames_decoded and isinstance(self._reader, OpenCVReader) and isinstance(self._target, str):
                self._reader.close()
                self._reader = self._rescue(self._target)
                self._silent = False
                yield from self._read()
        finally:
            self._reader.close()
            self._close_reach()
        if not self.ledger.frames_decoded:
            raise SourceError("stream_lost", f"{self._name}: opened, but no picture came; if it is a file, download it and scan that")
        self._judge_end()

    def _read(self) -> Iterator[Frame | None]:
        ledger = self.ledger
        self._hear()  # of opening: damage is told from the frames
        first: float | None = None
        while not self._is_over():
            if not self._grab():
                self._ended = True
                return
            now = self._now()
            first = now if first is None else first
            self._last_seconds = max(self._last_seconds, now - first)
            index = ledger.frames_decoded
            ledger.frames_decoded += 1
            ledger.reader = self._reader.name
            ledger.duration_seconds = self._last_seconds + self._frame_seconds()
            self._note_complaints()
            yield self._frame(index) if self._pacer is None or self._pacer.wants(self._last_seconds) else None

    def _grab(self) -> bool:
        """The next frame; a damaged one is passed over, a silence of nearly the time-out is the end."""
        for _ in range(_ATTEMPTS):
            asked = time.monotonic()
            if self._reader.grab():
                return True
            if time.monotonic() - asked > TIMEOUT_SECONDS / 2:
                self._silent = True
                return False
        return False

    def _frame(self, index: int) -> Frame | None:
        picture = self._reader.picture()
        if picture is None:
            self.ledger.decode_errors += 1
            return None
        size_wh = (picture.shape[1], picture.shape[0])
        if not self.ledger.frames_sampled:
            self.ledger.size_wh = size_wh
        elif size_wh != self.ledger.size_wh:
            self.ledger.warn("resolution_change")
        self.ledger.frames_sampled += 1
        return Frame(picture, self._last_seconds, index)

    def _now(self) -> float:
        """Time of the frame: the stream's own if it has one, else the time of arrival."""
        own = None if isinstance(self._target, int) else self._reader.seconds
        return time.monotonic() - self._started if own is None else own

    def _is_over(self) -> bool:
        elapsed = time.monotonic() - self._started
        if self._settings.time_limit_seconds is not None and elapsed > self._settings.time_limit_seconds:
            self.ledger.note("limit_time")
            return True
        return self._endless and max(elapsed, self._last_seconds) >= self._settings.stream_seconds

    def _judge_end(self) -> None:
        """A stream with a promise must keep it, to half a second or two frames; a live one that stops by itself is lost."""
        ledger, promise = self.ledger, self._promise
        self._note_complaints()
        if self._reach is not None and self._reach.exceeded:
            ledger.note("limit_size")
            return
        lost = self._silent or self._cut
        if self._ended and self._endless:
            lost |= not isinstance(self._target, str) or self._target.lower().startswith("rtsp")
        elif self._ended:
            lost |= self._last_seconds + self._frame_seconds() + max(0.5, 2 * self._frame_seconds()) < promise.duration_seconds
            ledger.decode_errors += max(0, promise.frames - ledger.frames_decoded)
        if lost:
            ledger.note("stream_lost")
        elif ledger.decode_errors:
            ledger.note("corrupt")

    def _note_complaints(self) -> None:
        self.ledger.decode_errors += self._hear()

    def _hear(self) -> bool:
        """Whether the decoders complained since the last time; notes if it was about the connection."""
        # A server that sends no length cannot fall short of it; FFmpeg then expects the largest number there is.
        complaints = [line for line in self._complaints.new() if b"should be 18446744073709551615" not in line]
        self._cut |= any(b"ends prematurely" in line for line in complaints)
        return bool(complaints)

    def _frame_seconds(self) -> float:
        return 1 / self._promise.fps if self._promise.fps > 0 else 1 / 25

    def _pace(self) -> tuple[Pacer | None, int | None]:
        """Which frames to take (None: all), and how many that will be. A rate goes on where a promised end turns out not to be one."""
        settings = self._settings
        if settings.all_frames:
            return None, None
        if settings.fps is not None:
            return Pacer(settings.fps), None
        if self._endless:
            return Pacer(settings.frames / settings.stream_seconds), settings.frames
        if 0 < self._promise.frames <= settings.frames:
            return None, self._promise.frames
        return Pacer(settings.frames / self._promise.duration_seconds, 0.5, self._frame_seconds()), settings.frames

    def _ask(self, address: str) -> _Promise:
        """Open the address once to read its header: errors with their cause, duration, and whether it is video at all."""
        with self._container(address) as container:
            if is_picture(container) and isinstance(self._target, str) and is_web(self._target) and not self._takes_pictures:
                raise IsPicture
            stream, count = first_video(container, self._name)
            context = stream.codec_context
            check_codec(stream, self._name)
            check_pixels(context.width, context.height, self._settings.max_pixels, self._name)
            time_base = float(stream.time_base or 0)
            duration = float(stream.duration * time_base if stream.duration else (container.duration or 0) / av.time_base)
            fps = float(stream.guessed_rate or stream.average_rate or 0)
            # An edit list may leave frames out, so a count that does not go with the duration is no promise.
            counts = 0 < stream.frames <= duration * fps + 2
            return _Promise(
                duration_seconds=max(0.0, duration),
                frames=stream.frames if counts else 0,
                fps=fps,
                warnings=("multi_video",) * (count > 1) + ("hdr",) * (context.color_trc in HDR_TRANSFERS),
                codec=context.codec.canonical_name,
                origin_seconds=None if stream.start_time is None else stream.start_time * time_base,
            )

    def _close_reach(self) -> None:
        if self._reach is not None:
            self._reach.close()

    def _container(self, address: str) -> InputContainer:
        try:
            return av.open(address, options=self._options, timeout=(TIMEOUT_SECONDS, TIMEOUT_SECONDS), metadata_errors="replace")
        except FFmpegError as error:
            barred = self._reach.refusal() if self._reach else None
            known = barred or explained(error, self._reach, self._name, TIMEOUT_SECONDS)
            raise known or opening_failure(error, self._name) from error

    def _open(self, target: str | int) -> Reader:
        try:
            return OpenCVReader(
                target,
                self._options,
                shown_name=self._name,
                max_pixels=self._settings.max_pixels,
                origin_seconds=self._promise.origin_seconds,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        except SourceError as error:
            if isinstance(target, int):
                raise SourceError("not_found", f"{self._name}: cannot be opened; check that it is connected and not in use") from error
            return self._rescue(target)

    def _rescue(self, address: str) -> Reader:
        container = self._container(address)
        stream, _ = first_video(container, self._name)
        return PyAVReader(
            container,
            stream,
            shown_name=self._name,
            max_pixels=self._settings.max_pixels,
            sample_aspect_ratio=sample_aspect_ratio(stream),
        )
