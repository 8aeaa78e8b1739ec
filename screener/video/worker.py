"""The process that decodes. It takes one input after the other from its standard input and sends frames and facts back.

A decoder that crashes or hangs takes this process with it, and not the scan. Requests come pickled from the parent; answers go back
as JSON and raw pixels, so that what a hostile file might make of this process is never unpickled by the parent.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, BinaryIO, Protocol

import av
import numpy as np

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.files import FileDecoding
from screener.video.gate import check_file
from screener.video.ledger import Complaints, Ledger
from screener.video.limits import confine, stall_seconds
from screener.video.pictures import AnimationDecoding, SequenceDecoding, StillDecoding
from screener.video.protocol import FAILED_STATUS, LENGTH
from screener.video.sources import Source
from screener.video.streams import StreamDecoding

_PROGRESS_SECONDS = 0.5


class Decoding(Protocol):
    """One pass over one input. `steps` yields sampled frames, and None on the way to the next."""

    ledger: Ledger
    expected_frames: int | None

    def steps(self) -> Iterator[Frame | None]: ...


def decode(
    source: Source, settings: ScanSettings, complaints: Complaints | None = None, alive: Callable[[], None] = lambda: None
) -> Decoding:
    """Open an input in this process. alive: called now and then while that takes long. Raises SourceError."""
    complaints = complaints or Complaints()
    if isinstance(source.target, tuple):
        return SequenceDecoding(source.target, source.name, settings, complaints)
    if source.path is None:
        target = os.fsdecode(source.target) if isinstance(source.target, bytes) else source.target
        return StreamDecoding(target, source.name, settings, complaints)
    kind = check_file(source.path, source.name)
    if kind == "picture":
        return StillDecoding(source.path, source.name, settings, complaints)
    if kind == "animation":
        return AnimationDecoding(source.path, source.name, settings, complaints)
    return FileDecoding(source.path, source.name, settings, complaints, alive)


def main() -> None:
    """Serve requests until standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; the terminal tells both
    av.logging.set_libav_level(av.logging.ERROR)  # as OpenCV does for its own FFmpeg: complaints, and no chatter
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    complaints = Complaints(_redirect_output())
    try:
        while length := requests.read(LENGTH.size):
            source, settings = pickle.loads(requests.read(LENGTH.unpack(length)[0]))
            _serve(source, settings, complaints, answers)
    except BrokenPipeError:
        os._exit(0)
    except BaseException:
        os._exit(FAILED_STATUS)


def _serve(source: Source, settings: ScanSettings, complaints: Complaints, answers: BinaryIO) -> None:
    confine(settings)
    watchdog = _Watchdog(stall_seconds(settings))
    decoding: Decoding | None = None
    try:
        watchdog.alive()
        decoding = decode(source, settings, complaints, _Opening(watchdog, answers).alive)
        _send(answers, {"expected_frames": decoding.expected_frames, "facts": _facts(decoding)})
        reported = time.monotonic()
        for frame in decoding.steps():
            if frame is None and time.monotonic() - reported < _PROGRESS_SECONDS:
                continue
            watchdog.rest()  # how long the parent takes to receive is not the decoder's fault
            _send(answers, {"facts": _facts(decoding)}, frame)
            reported = time.monotonic()
            watchdog.alive()
        _send(answers, {"end": True, "facts": _facts(decoding)})
    except SourceError as error:
        _send(answers, {"failed": error.reason, "message": error.message, **({"facts": _facts(decoding)} if decoding else {})})
    except BrokenPipeError:
        raise
    except Exception as error:
        # Such as OpenCV's own error on running out of the memory it may use.
        message = f"{source.name}: the decoder failed: {type(error).__name__}: {error}"
        _send(answers, {"failed": "decoder_crash", "message": message, **({"facts": _facts(decoding)} if decoding else {})})
    finally:
        watchdog.rest()


class _Opening:
    """Tells the parent now and then that a long input is still being looked through."""

    def __init__(self, watchdog: _Watchdog, answers: BinaryIO) -> None:
        self._watchdog, self._answers = watchdog, answers
        self._told = time.monotonic()

    def alive(self) -> None:
        if time.monotonic() - self._told > _PROGRESS_SECONDS:
            self._told = time.monotonic()
            _send(self._answers, {"opening": True})
        self._watchdog.alive()


class _Watchdog:
    """Ends this process from a thread of C if a single step hangs, whether or not that step holds the interpreter."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds

    def alive(self) -> None:
        faulthandler.dump_traceback_later(self._limit_seconds, exit=True)

    def rest(self) -> None:
        faulthandler.cancel_dump_traceback_later()


def _facts(decoding: Decoding) -> dict[str, Any]:
    return asdict(decoding.ledger)


def _send(answers: BinaryIO, message: dict[str, Any], frame: Frame | None = None) -> None:
    pixels = b"" if frame is None else np.ascontiguousarray(frame.picture_rgb).data
    if frame is not None:
        message["frame"] = {"size_wh": list(frame.size_wh), "pts_seconds": frame.pts_seconds, "index": frame.index}
    text = json.dumps(message).encode()
    answers.write(LENGTH.pack(len(text)) + text)
    answers.write(pixels)
    answers.flush()


def _redirect_output() -> int:
    """Standard output and error into a file without a name: nothing a decoder prints reaches the user's terminal or our answers."""
    with tempfile.TemporaryFile(mode="a+b", buffering=0) as file:  # appending, so that emptying it starts it anew
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        return os.dup(file.fileno())
