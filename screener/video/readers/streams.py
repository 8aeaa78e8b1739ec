"""Addresses (http, https, rtsp) and cameras: frames as they arrive, with time-outs, without knowing in advance what will come.

The packets of an address cannot be examined before decoding, so it is never known whether OpenCV would show all of it: PyAV decodes it. If
a stream states its end, it must reach it. If it does not, it is read to the end of the bytes that the server announced, and for
`stream_seconds` if it announced no number of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.allowed_codecs import check_codec
from screener.video.container.facts import HDR_TRANSFERS
from screener.video.container.opening import FILE_FORMATS, check_pixels, first_video
from screener.video.ledger import Complaints, Ledger
from screener.video.masking import ENCODE, MASK
from screener.video.readers.careful import CarefulReader
from screener.video.readers.opencv import OpenCVReader
from screener.video.readers.web_pictures import IsPicture, explained, is_picture
from screener.video.remote.fetching import is_web
from screener.video.remote.reaching import UrlGuard
from screener.video.sampling import Pacer

TIMEOUT_SECONDS = 5.0
_READ_IN_PART = frozenset({"gif"})
"""Formats whose pictures FFmpeg does not always give out completely; as files they are read by Pillow."""

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
    """Turn FFmpeg's error on opening or reading an address into a SourceError in the user's words."""
    reason, message = next((reason, message) for kind, reason, message in _OPENING_FAILURES if isinstance(error, kind))
    hint = f"; {ENCODE}" if isinstance(error, av.error.HTTPUnauthorizedError) and MASK in name else ""
    return SourceError(reason, f"{name}: {message} ({error.strerror}){hint}")


@dataclass(frozen=True)
class _Promise:
    """What an address states about itself before it is read; 0 for what it does not state."""

    duration_seconds: float = 0.0
    size_bytes: int = 0
    frames: int = 0
    fps: float = 0.0
    codec: str = ""
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class StreamDecoding:
    """One pass over an address or a camera. Raises SourceError at construction if it cannot be opened, and IsPicture if it is a picture."""

    def __init__(
        self, target: str | int, shown_name: str, settings: ScanSettings, complaints: Complaints, takes_pictures: bool = False
    ) -> None:
        """takes_pictures: read a picture as a stream of pictures, for addresses that do not come to an end."""
        self._is_rtsp = isinstance(target, str) and target.lower().startswith("rtsp")
        self._takes_pictures = takes_pictures or not (isinstance(target, str) and is_web(target))
        self._name = shown_name
        self._settings = settings
        self._complaints = complaints
        self._reach: UrlGuard | None = None
        self._options = dict(ADDRESS_OPTIONS)
        if isinstance(target, str):
            self._reach = UrlGuard(target, shown_name, settings.allow_private, TIMEOUT_SECONDS, settings.max_download_bytes)
            self._options |= self._reach.options
            target = self._reach.address
        try:
            self._promise, self._reader = self._opened(target)
        except (SourceError, IsPicture):
            self._close_reach()
            raise
        self._started = time.monotonic()
        self._endless = self._promise.duration_seconds <= 0 and not self._promise.size_bytes
        self._last_seconds = 0.0
        self._owed = False
        self._ended = False  # by itself, not because we stopped reading
        self._silent = False  # nothing arrived for nearly the time-out
        self._cut = False  # the server sent less than it announced
        self._pacer, self.expected_frames = self._pace()
        promise = self._promise
        self.ledger = Ledger(
            fps=promise.fps,
            codec=promise.codec,
            frames_promised=promise.frames,
            reasons=list(promise.reasons),
            warnings=list(promise.warnings),
        )
        if promise.duration_seconds <= 0:
            self.ledger.warn("end_unverified")

    def steps(self) -> Iterator[Frame | None]:
        """Yield the sampled frames, and None for each frame between them. Raises SourceError if no picture came."""
        try:
            yield from self._read()
        finally:
            self._reader.close()
            self._close_reach()
        if not self.ledger.frames_decoded:
            raise SourceError("stream_lost", f"{self._name}: opened, but no picture came; if it is a file, download it and scan that")
        self._judge_end()

    def _read(self) -> Iterator[Frame | None]:
        ledger = self.ledger
        self._hear()  # drop the messages of opening: only those of decoding tell damage
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
            frame = self._frame(index)
            ledger.decode_errors += self._hear()
            yield frame

    def _grab(self) -> bool:
        """Step to the next undamaged frame; a silence of nearly the time-out counts as the end."""
        for _ in range(_ATTEMPTS):
            asked = time.monotonic()
            if self._reader.grab():
                return True
            if time.monotonic() - asked > TIMEOUT_SECONDS / 2:
                self._silent = True
                return False
        return False

    def _frame(self, index: int) -> Frame | None:
        """The frame if it is wanted; the next one replaces a damaged one."""
        self._owed |= self._pacer is None or self._pacer.wants(self._last_seconds)
        picture = self._reader.picture() if self._owed and self._reader.is_sound else None
        if not self._reader.is_sound or (self._owed and picture is None):
            self.ledger.decode_errors += 1
            return None
        if picture is None:
            return None
        self._owed = False
        size_wh = (picture.shape[1], picture.shape[0])
        if not self.ledger.frames_sampled:
            self.ledger.size_wh = size_wh
        elif size_wh != self.ledger.size_wh:
            self.ledger.warn("resolution_change")
        self.ledger.frames_sampled += 1
        return Frame(picture, self._last_seconds, index)

    def _now(self) -> float:
        """Time of the frame in seconds: the stream's own, else the time of arrival."""
        own = None if isinstance(self._reader, OpenCVReader) else self._reader.seconds
        return time.monotonic() - self._started if own is None else own

    def _is_over(self) -> bool:
        elapsed = time.monotonic() - self._started
        if self._settings.time_limit_seconds is not None and elapsed > self._settings.time_limit_seconds:
            self.ledger.note("limit_time")
            return True
        return self._endless and max(elapsed, self._last_seconds) >= self._settings.stream_seconds

    def _judge_end(self) -> None:
        """A stream that stated its end must reach it, within half a second or two frames; a live one that stops by itself is lost. If the
        size is known, an error that ends the packets leaves a part unread.
        """
        ledger, promise = self.ledger, self._promise
        ledger.decode_errors += self._hear()
        if self._complaints.were_harmless:
            ledger.warn("harmless_complaints")
        if self._reach is not None and self._reach.exceeded:
            ledger.note("limit_size")
            return
        lost = self._silent or self._cut
        if self._ended and self._endless:
            lost |= isinstance(self._reader, OpenCVReader) or self._is_rtsp
        elif self._ended:
            lost |= self._last_seconds + self._frame_seconds() + max(0.5, 2 * self._frame_seconds()) < promise.duration_seconds
            ledger.decode_errors += max(0, promise.frames - ledger.frames_decoded)
        if lost:
            ledger.note("stream_lost")
        elif ledger.decode_errors:
            ledger.note("corrupt")
        if not lost and promise.size_bytes and isinstance(self._reader, CarefulReader) and self._reader.broke_off:
            ledger.note("unread_part")

    def _hear(self) -> bool:
        """Whether any error other than about a picture was reported since the last call; also notes whether the connection ended."""
        heard = self._reader.overheard() if isinstance(self._reader, CarefulReader) else self._complaints.new()
        # If a server states no length, FFmpeg expects the largest number there is; falling short of that is not an error.
        heard = [line for line in heard if b"should be 18446744073709551615" not in line]
        self._cut |= any(b"ends prematurely" in line for line in heard)
        return bool(heard)

    def _frame_seconds(self) -> float:
        return 1 / self._promise.fps if self._promise.fps > 0 else 1 / 25

    def _pace(self) -> tuple[Pacer | None, int | None]:
        """Which frames to take (None: all), and how many that will be. A frame rate is kept even if the stated end turns out wrong."""
        settings = self._settings
        if settings.all_frames:
            return None, None
        if settings.fps is not None:
            return Pacer(settings.fps), None
        if self._promise.duration_seconds <= 0:  # at the rate of an endless stream, because the number of seconds is unknown
            return Pacer(settings.frames / settings.stream_seconds), settings.frames if self._endless else None
        if 0 < self._promise.frames <= settings.frames:
            return None, self._promise.frames
        return Pacer(settings.frames / self._promise.duration_seconds, 0.5, self._frame_seconds()), settings.frames

    def _opened(self, target: str | int) -> tuple[_Promise, OpenCVReader | CarefulReader]:
        return self._camera(target) if isinstance(target, int) else self._address(target)

    def _camera(self, index: int) -> tuple[_Promise, OpenCVReader]:
        try:
            reader = OpenCVReader(index, {}, shown_name=self._name, max_pixels=self._settings.max_pixels, timeout_seconds=TIMEOUT_SECONDS)
        except SourceError as error:
            raise SourceError("not_found", f"{self._name}: cannot be opened; check that it is connected and not in use") from error
        return _Promise(), reader

    def _address(self, address: str) -> tuple[_Promise, CarefulReader]:
        """What the address states, and a reader for it. Raises errors with their cause, also if it is not video."""
        container = self._container(address)
        try:
            if is_picture(container) and not self._takes_pictures:
                raise IsPicture
            stream, count = first_video(container, self._name)
            check_codec(stream, self._name)
            check_pixels(stream.codec_context.width, stream.codec_context.height, self._settings.max_pixels, self._name)
            promise = _promise_of(container, stream, count)
            return promise, CarefulReader(container, stream, self._complaints, shown_name=self._name, max_pixels=self._settings.max_pixels)
        except BaseException:
            container.close()
            raise

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


def _promise_of(container: InputContainer, stream: VideoStream, streams: int) -> _Promise:
    context = stream.codec_context
    time_base = float(stream.time_base or 0)
    duration = float(stream.duration * time_base if stream.duration else (container.duration or 0) / av.time_base)
    fps = float(stream.guessed_rate or stream.average_rate or 0)
    # An edit list may leave frames out, so a count that contradicts the duration is ignored.
    counts = 0 < stream.frames <= duration * fps + 2
    return _Promise(
        duration_seconds=max(0.0, duration),
        size_bytes=max(0, container.size),
        frames=stream.frames if counts else 0,
        fps=fps,
        reasons=("unread_part",) * (streams > 1 or container.format.name in _READ_IN_PART),
        warnings=("multi_video",) * (streams > 1) + ("hdr",) * (context.color_trc in HDR_TRANSFERS),
        codec=context.codec.canonical_name,
    )
