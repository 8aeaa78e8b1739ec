"""Decodes a live source frame by frame: a camera, a screen, an address, a named pipe, or a file at its own speed.

Unlike a scan's readers, it opens a source once, buffers nothing, decodes without waiting for later frames, and converts only the frames
that are asked for. Does not know processes, nor what the frames are for; see `live_worker`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.settings import LiveSettings
from screener.video.container.facts import HDR_TRANSFERS
from screener.video.container.opening import FILE_FORMATS, check_pixels, first_video
from screener.video.ledger import Complaints
from screener.video.live.arrivals import Arrival, LiveDecoding
from screener.video.live.pacing import Pace, hold_back
from screener.video.live.reconnecting import NothingToRetry
from screener.video.live.screen_capture import ScreenCapture
from screener.video.readers.careful import CarefulReader
from screener.video.readers.choice import decode
from screener.video.readers.opencv import OpenCVReader
from screener.video.readers.reader import Decoding
from screener.video.readers.streams import ADDRESS_OPTIONS, opening_failure
from screener.video.readers.web_pictures import IsPicture, explained, is_picture
from screener.video.remote.addresses import names_private
from screener.video.remote.fetching import download
from screener.video.remote.reaching import UrlGuard
from screener.video.sources import Source

LIVE_PICTURE_BYTES, LIVE_PICTURE_SECONDS = 64 << 20, 1.5
"""An address that ends before it has sent this many bytes, or for this long, sends a single picture and not a stream of them."""

BAD_PACKETS_IN_A_ROW = 64
BAD_GRABS_IN_A_ROW = 16

# At most two seconds of the stream are examined before the first picture; garbage of up to four megabytes is skipped.
_LOOK_AHEAD = {"analyzeduration": "2000000", "probesize": "5000000", "resync_size": str(4 << 20)}
# Playlists of segments are followed over http(s) only: the white lists give no access to files.
_LIVE_ADDRESS_OPTIONS = {**ADDRESS_OPTIONS, "format_whitelist": f"{ADDRESS_OPTIONS['format_whitelist']},hls,webvtt", **_LOOK_AHEAD}
_PIPE_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": f"{FILE_FORMATS},mpjpeg", **_LOOK_AHEAD}


def decode_live(source: Source, settings: LiveSettings, complaints: Complaints, alive: Callable[[], None] = lambda: None) -> LiveDecoding:
    """Open a source in this process. alive: called now and then during intentional waits. Raises SourceError."""
    return _OPENED[source.kind](source, settings, complaints, alive)


class CameraDecoding:
    """A camera through OpenCV, which buffers as few frames as the driver allows."""

    finite = False
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    lost = 0

    def __init__(self, source: Source, settings: LiveSettings, complaints: Complaints, alive: Callable[[], None]) -> None:
        assert isinstance(source.target, int)
        self._complaints = complaints
        try:
            self._reader = OpenCVReader(source.target, {}, shown_name=source.name, max_pixels=settings.max_pixels)
        except SourceError as error:
            advice = "check that it is connected and not in use; `screener live --list` shows the cameras"
            raise SourceError("not_found", f"{source.name}: cannot be opened; {advice}") from error
        self.reader = self._reader.name
        fps = self._reader.fps
        self.fps = fps if 0 < fps < 1000 else 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield each frame as it arrives; ends after several failed reads in a row."""
        index = failed = 0
        while failed < BAD_GRABS_IN_A_ROW:
            self._complaints.new()  # emptied, so that days of messages do not fill the disk
            if self._reader.grab():
                failed = 0
                yield Arrival(index, None, self._picture)
                index += 1
            else:
                failed += 1
                time.sleep(0.02)

    def _picture(self) -> NDArray[np.uint8] | None:
        """The picture, or None if its decoder reported an error: a camera's frames are decoded only here."""
        picture = self._reader.picture()
        return None if self._complaints.new() else picture

    def close(self) -> None:
        """Release the camera."""
        self._reader.close()


class PlayedFile:
    """A file, decoded as by a scan of all frames and played at its own speed."""

    finite = True

    def __init__(self, source: Source, settings: LiveSettings, complaints: Complaints, alive: Callable[[], None]) -> None:
        self._decoding: Decoding = decode(source, settings.judging(), complaints, alive)
        self._alive = alive
        self.fps = self._decoding.ledger.fps
        self.reader = self._decoding.ledger.reader

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not judged completely."""
        return tuple(self._decoding.ledger.reasons)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of its decoding."""
        return tuple(self._decoding.ledger.warnings)

    @property
    def lost(self) -> int:
        """Number of frames that could not be decoded."""
        return self._decoding.ledger.decode_errors

    def arrivals(self) -> Iterator[Arrival]:
        """Yield each frame when it is due."""
        pace = Pace()
        for frame in self._decoding.steps():
            if frame is not None:
                hold_back(pace.wait_seconds(frame.pts_seconds, time.monotonic()), self._alive)
                picture = frame.picture_rgb
                yield Arrival(frame.index, frame.pts_seconds, lambda picture=picture: picture)  # type: ignore[misc]

    def close(self) -> None:
        """Nothing to release: the decoding closes itself."""
        return


class _LiveReader(CarefulReader):
    """Continues after packets that cannot be read, and keeps the error that ended the stream."""

    failure: FFmpegError | None = None

    def _packets(self) -> Iterator[Packet[Any] | None]:
        bad = 0
        while bad < BAD_PACKETS_IN_A_ROW:
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size:
                        bad = 0
                        yield packet
                break
            except av.error.InvalidDataError as error:
                self.failure = error
                bad += 1
            except FFmpegError as error:
                self.failure = error
                break
            except IndexError:  # PyAV raises this at the end if streams appeared on the way
                break
        yield None


class StreamPlaying:
    """An address or a named pipe through PyAV.

    A stream that is sent while it is filmed is taken as it arrives. One that could be read faster (a recording on a server, segments of a
    playlist) is played at its own speed; otherwise it would rush by and then stand still.
    """

    def __init__(self, source: Source, settings: LiveSettings, complaints: Complaints, alive: Callable[[], None]) -> None:
        self._name, self._complaints, self._alive = source.name, complaints, alive
        self._reach: UrlGuard | None = None
        container = self._open(source, settings)
        try:
            stream, count = first_video(container, source.name)
            context = stream.codec_context
            check_pixels(context.width, context.height, settings.max_pixels, source.name)
            # Without frame threads, which would delay the output by as many frames as there are threads.
            self._reader = _LiveReader(container, stream, complaints, shown_name=source.name, max_pixels=settings.max_pixels)
        except BaseException:
            container.close()
            self._close_reach()
            raise
        self.warnings = ("multi_video",) * (count > 1) + ("hdr",) * (context.color_trc in HDR_TRANSFERS)
        self.lost = 0
        self.fps = float(stream.guessed_rate or stream.average_rate or 0)
        self.reader = self._reader.name
        self._promised_seconds = 0.0 if source.kind == "pipe" else max(0.0, (container.duration or 0) / av.time_base)
        self._paced = self._promised_seconds > 0 or "hls" in container.format.name
        self._origin_seconds: float | None = None
        self._last_seconds = 0.0
        self._ended_well = False

    @property
    def finite(self) -> bool:
        """Known only at the end: whether the stated duration was reached."""
        return self._ended_well

    @property
    def reasons(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    def arrivals(self) -> Iterator[Arrival]:
        """Yield each frame as it arrives or, for recordings, when it is due. Raises SourceError if the stream fails."""
        pace = Pace()
        index = 0
        while self._reader.grab():
            self._reader.overheard()  # emptied, so that days of messages do not fill the disk
            own = self._reader.seconds
            if own is not None:
                self._origin_seconds = own if self._origin_seconds is None else self._origin_seconds
                self._last_seconds = own - self._origin_seconds
                if self._paced:
                    hold_back(pace.wait_seconds(own, time.monotonic()), self._alive)
            yield Arrival(index, own, self._reader.picture, self._reader.is_sound)
            index += 1
        self._judge_end()

    def _judge_end(self) -> None:
        frame_seconds = 1 / self.fps if self.fps > 0 else 1 / 25
        reached = self._last_seconds + max(0.5, 2 * frame_seconds) >= self._promised_seconds
        self._ended_well = self._promised_seconds > 0 and reached and not isinstance(self._reader.failure, av.error.ExitError)
        if self._reader.failure is not None and not self._ended_well:
            raise self._failure(self._reader.failure)

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()
        self._close_reach()

    def _close_reach(self) -> None:
        if self._reach is not None:
            self._reach.close()

    def _failure(self, error: FFmpegError) -> SourceError:
        return (self._reach.refusal() if self._reach else None) or opening_failure(error, self._name)

    def _open(self, source: Source, settings: LiveSettings) -> InputContainer:
        target = os.fsdecode(source.target) if isinstance(source.target, bytes) else str(source.target)
        single = NothingToRetry("not_media", f"{source.name}: a single picture does not run; judge it with `screener scan`")
        options = _PIPE_OPTIONS
        if source.kind != "pipe":
            self._reach = UrlGuard(target, source.name, settings.allow_private or names_private(target), settings.timeout_seconds)
            target, options = self._reach.address, {**_LIVE_ADDRESS_OPTIONS, **self._reach.options}
        try:
            container = av.open(target, options=options, timeout=(settings.timeout_seconds,) * 2, metadata_errors="replace")
        except FFmpegError as error:
            known = explained(error, self._reach, source.name, settings.timeout_seconds)
            failure = self._failure(error)
            if known is not None:
                failure = single if isinstance(known, IsPicture) else NothingToRetry(known.reason, known.message)
            self._close_reach()
            raise failure from error
        if is_picture(container) and self._reach is not None and _comes_to_an_end(self._reach, source.name, settings.timeout_seconds):
            container.close()
            self._close_reach()
            raise single
        return container


def _comes_to_an_end(reach: UrlGuard, name: str, timeout_seconds: float) -> bool:
    """Whether an address sends one or a few pictures and ends; some cameras send pictures without end."""
    with open(os.devnull, "wb") as nowhere:
        return download(reach, nowhere, name, timeout_seconds, LIVE_PICTURE_BYTES, LIVE_PICTURE_SECONDS)


_OPENED: dict[str, Callable[[Source, LiveSettings, Complaints, Callable[[], None]], LiveDecoding]] = {
    "camera": CameraDecoding,
    "screen": ScreenCapture,
    "file": PlayedFile,
    "pipe": StreamPlaying,
    "url": StreamPlaying,
}
