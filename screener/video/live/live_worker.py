"""The process that decodes a live source, for as long as it is watched. One source to a process.

It decodes everything and sends what it was asked for: a frame for each request, the next one that comes and is due. So nothing ever waits
to be looked at, and whoever is slow gets fewer frames and not old ones. A decoder that crashes or hangs takes this process with it, and
not the watch. Answers are JSON and raw pixels, as those of `sandbox.worker`.
"""

from __future__ import annotations

import json
import os
import pickle
import threading
import time
import zlib
from contextlib import closing
from dataclasses import replace
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.settings import LiveSettings
from screener.video.ledger import Complaints
from screener.video.live.decoding import Arrival, LiveDecoding, decode_live
from screener.video.live.reconnecting import NothingToRetry
from screener.video.masking import scrubbed
from screener.video.sandbox.limits import confine
from screener.video.sandbox.protocol import FAILED_STATUS, LENGTH
from screener.video.sandbox.worker import prepare
from screener.video.sources import Source

ALIVE_SECONDS = 0.25


def main() -> None:
    """Serve one source until it ends or nobody listens."""
    requests, answers, complaints = prepare()
    try:
        source, settings = pickle.loads(requests.read(LENGTH.unpack(requests.read(LENGTH.size))[0]))
        confine(replace(settings.judging(), time_limit_seconds=None))  # a watch has no end
        serve(source, settings, complaints, Requests(requests), Answers(answers))
    except BrokenPipeError:
        os._exit(0)
    except BaseException:
        os._exit(FAILED_STATUS)


class Requests:
    """Counts the frames asked for, one byte each. When the other side is gone, so is this process."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._asked = threading.Semaphore(0)
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def _read(self) -> None:
        while self._stream.read(1):
            self._asked.release()
        os._exit(0)

    def take(self) -> bool:
        """Whether a frame is asked for; if so, it is promised now."""
        return self._asked.acquire(blocking=False)


class Answers:
    """Messages to the watching process."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._last = time.monotonic()

    def send(self, message: dict[str, Any], picture_rgb: NDArray[np.uint8] | None = None) -> None:
        text = json.dumps(message).encode()
        self._stream.write(LENGTH.pack(len(text)) + text)
        if picture_rgb is not None:
            self._stream.write(np.ascontiguousarray(picture_rgb).data)
        self._stream.flush()
        self._last = time.monotonic()

    def alive(self) -> None:
        """Say that the silence is on purpose."""
        self.tell({"alive": True})

    def tell(self, message: dict[str, Any]) -> None:
        """A message that matters only while no others are sent."""
        if time.monotonic() - self._last >= ALIVE_SECONDS:
            self.send(message)


class Due:
    """Whether a frame may be sent, at most `fps` a second on average."""

    def __init__(self, fps: float) -> None:
        self._interval = 1 / fps
        self._next = 0.0

    def __call__(self, now: float) -> bool:
        # A little early is on time: a source of exactly the asked rate must not lose every other frame to its jitter.
        if now < self._next - self._interval / 4:
            return False
        self._next = max(self._next + self._interval, now)
        return True


def serve(source: Source, settings: LiveSettings, complaints: Complaints, requests: Requests, answers: Answers) -> None:
    """From opening the source to its end, whichever way it comes."""
    answers.send({"ready": True})
    try:
        with closing(decode_live(source, settings, complaints, answers.alive)) as decoding:
            answers.send({"open": {"fps": decoding.fps, "reader": decoding.reader, "warnings": list(decoding.warnings)}})
            received, damaged = _send_frames(decoding, settings, requests, answers)
            end = {"finite": decoding.finite, "reasons": list(decoding.reasons), "warnings": list(decoding.warnings)}
            answers.send({"end": {**end, "received": received, "damaged": damaged + decoding.lost}})
    except SourceError as error:
        answers.send({"failed": error.reason, "message": error.message, "final": isinstance(error, NothingToRetry)})
    except BrokenPipeError:
        raise
    except Exception as error:
        answers.send(
            {"failed": "decoder_crash", "message": f"{source.name}: the decoder failed: {type(error).__name__}: {scrubbed(str(error))}"}
        )


def _send_frames(decoding: LiveDecoding, settings: LiveSettings, requests: Requests, answers: Answers) -> tuple[int, int]:
    """How many frames came, and how many of them damaged. One that did is not sent: the next one stands in for it."""
    received = damaged = 0
    due = Due(max(settings.picture_fps, settings.judged_fps))
    stillness = Stillness()
    promised = False
    for arrival in decoding.arrivals():
        captured = time.monotonic()
        received = arrival.index + 1
        promised = promised or requests.take()
        if not arrival.is_sound:
            damaged += 1
            answers.tell({"damaged": damaged, "received": received})
        elif promised and due(captured):
            promised = not _send(arrival, captured, stillness, answers, damaged)
            if promised:
                damaged += 1
                answers.tell({"damaged": damaged, "received": received})
    return received, damaged


def _send(arrival: Arrival, captured: float, stillness: Stillness, answers: Answers, damaged: int) -> bool:
    picture = arrival.picture()
    if picture is None:
        return False
    header = {
        "size_wh": [picture.shape[1], picture.shape[0]],
        "index": arrival.index,
        "damaged": damaged,
        "pts_seconds": arrival.pts_seconds,
        "captured": captured,
        "unchanged_seconds": stillness.unchanged_seconds(picture, captured),
    }
    answers.send({"frame": header}, picture)
    return True


GRID_WH = (64, 36)
CELL_TOLERANCE = 0.75
"""Grey levels by which the mean of a cell may differ: as much as encoding the same picture once more makes of it."""

SAME_SHARE = 0.5
"""Share of the frames that must be the very frame before, bit by bit: an empty room keeps its cells too, but not the camera's noise."""


class Stillness:
    """How long a source has been sending one and the same picture: a frozen camera goes on sending. Given the frames of one connection."""

    def __init__(self) -> None:
        self._checksum: int | None = None
        self._cells: NDArray[np.float32] | None = None
        self._since = 0.0
        self._frames = 0
        self._same = 0

    def unchanged_seconds(self, picture_rgb: NDArray[np.uint8], seconds: float) -> float:
        """For how long the picture (H, W, 3), which came at `seconds`, has not changed; 0 for a new one."""
        checksum = zlib.crc32(np.ascontiguousarray(picture_rgb).data, picture_rgb.shape[0])
        # In two steps: whole numbers are precise enough for small cells, whose means are then taken without rounding.
        small = cv2.resize(picture_rgb, (4 * GRID_WH[0], 4 * GRID_WH[1]), interpolation=cv2.INTER_AREA).mean(-1, dtype=np.float32)
        grey = np.asarray(cv2.resize(small, GRID_WH, interpolation=cv2.INTER_AREA), np.float32)
        same = checksum == self._checksum
        self._checksum = checksum
        if self._cells is None or float(np.abs(grey - self._cells).max()) > CELL_TOLERANCE:
            self._cells, self._since, self._frames, self._same = grey, seconds, 0, 0
            return 0.0
        self._frames += 1
        self._same += same
        return seconds - self._since if self._same >= SAME_SHARE * self._frames else 0.0
