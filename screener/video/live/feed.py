"""Keeps the newest frame of a live source, and reconnects when the source is lost.

One thread asks the decoding process for frames and keeps the newest; another ends a process that hangs. A lost source is tried again with
growing waits. Does not know what the frames are for.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.records import Frame
from screener.runtime.stop_signals import SIGNALS
from screener.settings import LiveSettings
from screener.video.live.clock import now_seconds
from screener.video.live.live_child import LiveChild
from screener.video.live.named_pipe import HeldPipe
from screener.video.live.reconnecting import BackOff, NothingToRetry
from screener.video.sources import Source

_LOG = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.1
LOADING_SECONDS = 120.0
"""Time for the decoding process to load its libraries, even on a slow machine."""

GRACE_SECONDS = 0.5
"""Time for the decoder to notice a time-out by itself and report which."""

RATE_SECONDS = 5.0
FATAL_AT_FIRST = frozenset({"permission", "refused_playlist", "refused_protocol", "not_regular", "limit_pixels"})
"""Reasons that waiting cannot cure if they occur before the first frame."""


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """frame: its time is in seconds since the start of the watch, or, for a file, in the file. number: counts frames over all connections.
    captured: when it was decoded, by `now_seconds`. unchanged_seconds: for how long the picture has been the same. first: number of the
    first frame since the connection was made, or since a silence of more than `stale_seconds`.
    """

    frame: Frame
    number: int
    segment: int
    captured: float
    unchanged_seconds: float
    first: int


@dataclass(frozen=True)
class FeedStatus:
    """phase: "opening", "open", "lost" or "ended". reason (from `errors.REASONS`) and message: of the last loss or of the end.

    last_arrival: when the newest frame was captured, by `now_seconds`; None before the first of this connection. retry_at: when the next
    attempt is made, likewise.
    segments: number of connections that brought a frame. frames_damaged: damaged frames among those received; damaged_in_a_row: of these,
    since the newest frame. warnings: about the source. end_reasons: why a source that ended was not read completely.
    """

    phase: str = "opening"
    reason: str = ""
    message: str = ""
    segments: int = 0
    frames_received: int = 0
    frames_damaged: int = 0
    damaged_in_a_row: int = 0
    received_fps: float = 0.0
    last_arrival: float | None = None
    retry_at: float | None = None
    source_fps: float = 0.0
    size_wh: tuple[int, int] = (0, 0)
    warnings: tuple[str, ...] = ()
    end_reasons: tuple[str, ...] = ()


class Feed:
    """Frames of one source, from `start` to `close`. on_frame: called in the receiving thread after each frame; must not block."""

    def __init__(self, source: Source, settings: LiveSettings, on_frame: Callable[[], None] = lambda: None) -> None:
        self._source = source
        self._settings = settings
        self._on_frame = on_frame
        self._changed = threading.Condition()
        self._status = FeedStatus()
        self._newest: LiveFrame | None = None
        self._failure: SourceError | None = None
        self._child: LiveChild | None = None
        self._closed = threading.Event()
        self._connected_at = self._first_arrival = 0.0
        self._received_before = self._damaged_before = self._number = self._first_number = 0
        self._counts: deque[tuple[float, int]] = deque(maxlen=2048)
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True) for name, work in (("feed", self._run), ("feed watch", self._watch))
        ]
        self.started = 0.0

    def start(self) -> None:
        """Start receiving; returns at once."""
        self.started = now_seconds()
        for thread in self._threads:
            thread.start()

    def status(self) -> FeedStatus:
        """The current status. Raises SourceError if the source can never be watched."""
        with self._changed:
            if self._failure is not None:
                raise self._failure
            now = now_seconds()
            while self._counts and self._counts[0][0] < now - RATE_SECONDS:
                self._counts.popleft()
            first = self._counts[0] if self._counts else (0.0, 0)
            span = now - first[0]
            rate = (self._status.frames_received - first[1]) / span if span > 0.5 else 0.0
            return replace(self._status, received_fps=rate if self._counts else 0.0)

    def look(self) -> tuple[FeedStatus, LiveFrame | None]:
        """The status and the newest frame at the same moment. Raises as `status` does."""
        with self._changed:
            return self.status(), self._newest

    def newer_than(self, number: int, timeout_seconds: float) -> LiveFrame | None:
        """The newest frame, as soon as its number is above `number`; None if none arrived within the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None and self._newest.number > number, timeout_seconds)
            return self._newest if self._newest is not None and self._newest.number > number else None

    def close(self) -> None:
        """Stop at once, even while the source hangs."""
        self._closed.set()
        child = self._child
        if child is not None:
            child.kill()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(2.0)

    def _run(self) -> None:
        # The decoding process inherits this mask: a signal to the whole process group ends the watch and must not look like a loss of the
        # source.
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pipe: HeldPipe | None = None
        try:
            if self._source.kind == "pipe" and self._source.path is not None:
                pipe = HeldPipe(self._source.path)
            self._connect_for_ever(pipe)
        except SourceError as error:
            self._fail(error)
        except OSError as error:
            self._fail(SourceError("not_found", f"{self._source.name}: cannot be opened: {error.strerror}"))
        except BaseException as error:
            self._fail(SourceError("decoder_crash", f"{self._source.name}: cannot be watched: {type(error).__name__}: {error}"))
        finally:
            if pipe is not None:
                pipe.close()

    def _connect_for_ever(self, pipe: HeldPipe | None) -> None:
        settings = self._settings
        back_off = BackOff(settings.retry_seconds, settings.retry_jitter, settings.healthy_seconds)
        while not self._closed.is_set():
            if pipe is not None:
                self._await_writer(pipe)
            loss = self._connection()
            if loss is None or self._closed.is_set():
                return
            first = self._status.segments == 0
            if first and self._is_final(loss):
                raise loss
            if self._source.kind == "file":
                self._update(phase="ended", reason=loss.reason, message=loss.message, end_reasons=(loss.reason,))
                return
            watched = (self._status.last_arrival or 0.0) - self._first_arrival if self._first_arrival else 0.0
            wait = back_off.wait_seconds(watched)
            if pipe is not None:
                wait = min(wait, settings.retry_seconds[0])
            _LOG.warning("%s: lost, %s; next attempt in %.1f s", self._source.name, loss.message, wait)
            self._update(phase="lost", reason=loss.reason, message=loss.message, retry_at=now_seconds() + wait, last_arrival=None)
            if pipe is not None:
                pipe.drain()
            self._closed.wait(wait)

    def _is_final(self, loss: SourceError) -> bool:
        """Whether waiting cannot cure this error, which occurred before the first frame."""
        missing_camera = self._source.kind == "camera" and loss.reason == "not_found"
        return isinstance(loss, NothingToRetry) or loss.reason in FATAL_AT_FIRST or self._source.kind == "file" or missing_camera

    def _await_writer(self, pipe: HeldPipe) -> None:
        while not self._closed.is_set() and not pipe.has_data(PATIENCE_SECONDS):
            if not self._status.message or self._status.retry_at is not None:
                self._update(message=f"{self._source.name}: nobody is writing to it", retry_at=None)

    def _connection(self) -> SourceError | None:
        """One connection from opening to its end. Returns None if the source ended normally or the feed was closed, else why it
        was lost.
        """
        if self._status.phase == "lost":
            self._update(retry_at=None)
        self._first_arrival = 0.0
        self._received_before, self._damaged_before = self._status.frames_received, self._status.frames_damaged
        child = self._child = LiveChild(self._source, self._settings)
        try:
            if self._closed.is_set():
                return None
            child.ask()
            while (received := child.receive()) is not None:
                message, picture = received
                if "frame" in message and picture is not None:
                    self._take(message["frame"], picture)
                    child.ask()
                elif "open" in message:
                    self._update(source_fps=float(message["open"]["fps"]), warnings=self._with_warnings(message["open"]))
                elif "damaged" in message:
                    self._note_damage(message)
                elif "failed" in message:
                    kind = NothingToRetry if message.get("final") is True else SourceError
                    return kind(str(message["failed"]), str(message["message"]))
                elif "end" in message:
                    return self._end(message["end"])
            return self._death(child)
        except SourceError as error:
            return error
        except (ValueError, KeyError, TypeError) as error:
            return SourceError("decoder_crash", f"{self._source.name}: invalid reply from the decoder ({type(error).__name__})")
        finally:
            child.kill()
            child.close_pipes()

    def _take(self, header: dict[str, Any], picture: NDArray[np.uint8]) -> None:
        now, captured = now_seconds(), float(header["captured"])
        index, own = int(header["index"]), header["pts_seconds"]
        seconds = float(own) if self._source.kind == "file" and own is not None else captured - self.started
        with self._changed:
            status, warnings, size_wh = self._status, self._status.warnings, (picture.shape[1], picture.shape[0])
            new_segment = not self._first_arrival
            self._number += 1
            if new_segment or self._was_silent(captured):
                self._first_number = self._number
            if new_segment:
                self._first_arrival = captured
            status = self._status = replace(
                status,
                phase="open",
                reason="",
                message="",
                segments=status.segments + new_segment,
                frames_received=self._received_before + index + 1,
                frames_damaged=self._damaged_before + int(header["damaged"]),
                damaged_in_a_row=0,
                last_arrival=captured,
                retry_at=None,
                size_wh=size_wh,
                warnings=tuple(dict.fromkeys((*warnings, *("resolution_change",) * (status.size_wh not in ((0, 0), size_wh))))),
            )
            self._counts.append((now, status.frames_received))
            frame = Frame(picture, seconds, index)
            unchanged = float(header["unchanged_seconds"])
            self._newest = LiveFrame(frame, self._number, status.segments, captured, unchanged, self._first_number)
            self._changed.notify_all()
        self._on_frame()

    def _was_silent(self, captured: float) -> bool:
        """Whether the gap before this frame was long enough to make earlier results stale, even if no one looked in the meantime."""
        since = captured if self._status.last_arrival is None else self._status.last_arrival
        return captured - since > self._settings.stale_seconds

    def _end(self, end: dict[str, Any]) -> SourceError | None:
        self._note_damage(end)
        self._update(warnings=self._with_warnings(end))
        if not end["finite"]:
            return SourceError("stream_lost", f"{self._source.name}: the stream ended")
        self._update(phase="ended", message="", end_reasons=tuple(str(reason) for reason in end["reasons"]))
        return None

    def _note_damage(self, said: dict[str, Any]) -> None:
        damaged = self._damaged_before + int(said["damaged"])
        self._update(
            frames_received=self._received_before + int(said["received"]),
            frames_damaged=damaged,
            damaged_in_a_row=self._status.damaged_in_a_row + damaged - self._status.frames_damaged,
        )

    def _with_warnings(self, said: dict[str, Any]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._status.warnings, *(str(warning) for warning in said["warnings"]))))

    def _death(self, child: LiveChild) -> SourceError:
        name = self._source.name
        if child.exit_status is not None and child.killed_for:
            return SourceError("timeout", f"{name}: {child.killed_for}")
        child.kill()
        return SourceError("decoder_crash", f"{name}: the decoder failed (exit status {child.exit_status})")

    def _watch(self) -> None:
        """Kill a decoding process that has been silent for too long."""
        while not self._closed.wait(PATIENCE_SECONDS):
            child = self._child
            if child is None or child.exit_status is not None:
                continue
            limit = self._settings.timeout_seconds + GRACE_SECONDS if child.is_ready else LOADING_SECONDS
            if child.silence_seconds > limit:
                opened = self._first_arrival > 0
                what = "no frame" if opened else "no answer"
                child.kill(f"{what} for {self._settings.timeout_seconds:g} seconds")

    def _update(self, **changes: Any) -> None:
        with self._changed:
            self._status = replace(self._status, **changes)
            self._changed.notify_all()

    def _fail(self, error: SourceError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()
