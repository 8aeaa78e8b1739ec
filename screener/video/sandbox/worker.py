"""The decoding process. Reads requests from its standard input, one input after the other, and sends back frames and facts.

A decoder that crashes or hangs ends this process and not the scan. Requests are pickled by the parent; answers are JSON, with pixels raw in
shared memory or through the pipe, so the parent never unpickles anything from a process that a hostile file might have taken over.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from screener.errors import DeviceError, SourceError
from screener.records import Frame
from screener.runtime.stop_signals import left_to_parent
from screener.settings import ScanSettings
from screener.video.container.origin import origin_of
from screener.video.ledger import Complaints
from screener.video.masking import scrubbed
from screener.video.readers.choice import decode
from screener.video.readers.nvdec_card import CARD
from screener.video.readers.reader import Decoding
from screener.video.sandbox.frame_memory import SLOTS, FrameMemory
from screener.video.sandbox.limits import confine, stall_seconds
from screener.video.sandbox.protocol import EMPTIED, FAILED_STATUS, LENGTH
from screener.video.seek_plan import SeekPlan
from screener.video.sources import Source

_PROGRESS_SECONDS = 0.5


def main() -> None:
    """Serve requests until standard input closes."""
    requests, pipe, complaints = prepare()
    answers = Answers(pipe, requests, _frame_memory())
    try:
        while length := requests.read(LENGTH.size):
            source, settings, look = pickle.loads(requests.read(LENGTH.unpack(length)[0]))
            _serve(source, settings, look, complaints, answers)
            answers.settle()
    except BrokenPipeError:
        os._exit(0)
    except BaseException:
        os._exit(FAILED_STATUS)


def prepare() -> tuple[BinaryIO, BinaryIO, Complaints]:
    """Prepare this process for decoding untrusted files. Returns the streams of requests and answers, and the decoders' messages."""
    left_to_parent()
    av.logging.set_libav_level(av.logging.ERROR)  # errors only, as OpenCV sets it for its own FFmpeg
    av.logging.restore_default_callback()  # without this PyAV drops FFmpeg's messages, and damage goes unnoticed
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    return requests, answers, Complaints(_redirect_output())


def _serve(source: Source | None, settings: ScanSettings, look: SeekPlan | None, complaints: Complaints, answers: Answers) -> None:
    """Decode one input; without a source, only open what the settings need."""
    confine(settings)
    complaints.forget()  # messages of the previous input, if that was abandoned
    watchdog, clock = _Watchdog(stall_seconds(settings)), _BusyClock()
    decoding: Decoding | None = None
    try:
        watchdog.alive()
        if settings.decodes_on_card:
            CARD.hold(complaints)
        if source is None:
            answers.send({"ready": True})
            return
        decoding = decode(source, settings, complaints, _Opening(watchdog, answers).alive, look)
        answers.send({"expected_frames": decoding.expected_frames, "facts": _facts(decoding, clock)})
        reported = time.monotonic()
        for frame in decoding.steps():
            if frame is None and time.monotonic() - reported < _PROGRESS_SECONDS:
                continue
            watchdog.rest()  # the time that the parent takes to receive is not the decoder's
            with clock.stopped():
                answers.send({"facts": _facts(decoding, clock)}, frame)
            reported = time.monotonic()
            watchdog.alive()
        answers.send({"decoded": True, "facts": _facts(decoding, clock)})
        watchdog.alive()
        answers.send({"end": True, "spent": CARD.is_spent, "facts": _facts(decoding, clock), "origin": _origin(source, settings)})
    except DeviceError as error:
        answers.send({"no_device": str(error)})
    except SourceError as error:
        answers.send(_failed(error.reason, error.message, decoding, clock))
    except BrokenPipeError:
        raise
    except Exception as error:
        # Such as OpenCV's error when the memory limit is reached.
        name = "decoder cuda" if source is None else source.name
        answers.send(
            _failed("decoder_crash", f"{name}: the decoder failed: {type(error).__name__}: {scrubbed(str(error))}", decoding, clock)
        )
    finally:
        watchdog.rest()


def _origin(source: Source, settings: ScanSettings) -> dict[str, Any] | None:
    """Asked last: a file that kills the reader of manifests has been decoded by then, and the parent knows it."""
    if source.kind != "file" or source.path is None or not settings.provenance:
        return None
    return origin_of(source.path, settings.trust_anchors)


def _failed(reason: str, message: str, decoding: Decoding | None, clock: _BusyClock) -> dict[str, Any]:
    known = {"facts": _facts(decoding, clock)} if decoding else {}
    return {"failed": reason, "message": message, "spent": CARD.is_spent, **known}


class _Opening:
    """Reports to the parent now and then that a long input is still being opened."""

    def __init__(self, watchdog: _Watchdog, answers: Answers) -> None:
        self._watchdog, self._answers = watchdog, answers
        self._told = time.monotonic()

    def alive(self) -> None:
        if time.monotonic() - self._told > _PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._answers.send({"opening": True})
        self._watchdog.alive()


class _Watchdog:
    """Ends this process from a C thread if a single step hangs, even if that step holds the interpreter lock."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds

    def alive(self) -> None:
        faulthandler.dump_traceback_later(self._limit_seconds, exit=True)

    def rest(self) -> None:
        faulthandler.cancel_dump_traceback_later()


class _BusyClock:
    """Counts the seconds since its creation, without those in which it was stopped."""

    def __init__(self) -> None:
        self._started, self._stopped = time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started - self._stopped

    @contextmanager
    def stopped(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._stopped += time.monotonic() - started


class Answers:
    """Sends answers to the parent: messages through a pipe, pictures through shared memory if there is any."""

    def __init__(self, pipe: BinaryIO, requests: BinaryIO, memory: FrameMemory | None) -> None:
        """requests: the stream on which the parent reports emptied slots."""
        self._pipe, self._requests, self._memory = pipe, requests, memory
        self._sent = self._emptied = 0

    def send(self, message: dict[str, Any], frame: Frame | None = None) -> None:
        """Send a message and its picture. Raises BrokenPipeError if the parent is gone."""
        pixels: Any = b""
        if frame is not None:
            slot = self._fill(frame.picture_rgb)
            if slot is None:
                pixels = np.ascontiguousarray(frame.picture_rgb).data
            message["frame"] = {"size_wh": list(frame.size_wh), "pts_seconds": frame.pts_seconds, "index": frame.index, "slot": slot}
        text = json.dumps(message).encode()
        self._pipe.write(LENGTH.pack(len(text)) + text)
        self._pipe.write(pixels)
        self._pipe.flush()

    def settle(self) -> None:
        """Wait until every slot is empty."""
        self._wait(0)

    def _fill(self, picture_rgb: NDArray[np.uint8]) -> int | None:
        """Copy the picture into a slot; returns the slot, or None if it has to go through the pipe."""
        if self._memory is None:
            return None
        self._wait(SLOTS - 1)
        slot = self._sent % SLOTS
        if not self._memory.write(slot, picture_rgb):
            return None
        self._sent += 1
        return slot

    def _wait(self, most: int) -> None:
        """Wait until at most `most` slots are full."""
        while self._sent - self._emptied > most:
            if self._requests.read(len(EMPTIED)) != EMPTIED:
                raise BrokenPipeError
            self._emptied += 1


def _facts(decoding: Decoding, clock: _BusyClock) -> dict[str, Any]:
    decoding.ledger.decode_seconds = clock.seconds
    return asdict(decoding.ledger)


def _frame_memory() -> FrameMemory | None:
    """The shared memory passed on by the parent, if any."""
    return FrameMemory(int(sys.argv[2])) if len(sys.argv) > 2 else None


def _redirect_output() -> int:
    """Redirect standard output and error into an anonymous file, so that a decoder's output reaches neither the user's terminal nor our
    answers.
    """
    with tempfile.TemporaryFile(buffering=0) as file:  # all three share its position, which is reset when it is emptied
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        return os.dup(file.fileno())
