"""The process that decodes a live source, for as long as it is watched. One process per source.

It decodes everything and sends one frame per request: the next one that arrives and is due. So nothing queues up, and a slow receiver gets
fewer frames instead of old ones. A decoder that crashes or hangs ends this process and not the watch. Answers are JSON and raw pixels, as
in `sandbox.worker`.
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
from screener.video.live.arrivals import Arrival, LiveDecoding
from screener.video.live.clock import now_seconds
from screener.video.live.decoding import decode_live
from screener.video.live.reconnecting import NothingToRetry
from screener.video.masking import scrubbed
from screener.video.sandbox.limits import confine
from screener.video.sandbox.protocol import FAILED_STATUS, LENGTH
from screener.video.sandbox.worker import prepare
from screener.video.sources import Source

ALIVE_SECONDS = 0.25


def main() -> None:
    """Serve one source until it ends or the pipe is closed."""
    requests, answers, complaints = prepare()
    try:
        source, settings = pickle.loads(requests.read(LENGTH.unpack(requests.read(LENGTH.size))[0]))
        confine(replace(settings.judging(), time_limit_seconds=None))  # a watch has no time limit
        serve(source, settings, complaints, Requests(requests), Answers(answers))
    except BrokenPipeError:
        os._exit(0)
    except BaseException:
        os._exit(FAILED_STATUS)


class Requests:
    """Counts the requested frames, one byte each. Ends this process when the other side is gone."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._asked = threading.Semaphore(0)
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def _read(self) -> None:
        while self._stream.read(1):
            self._asked.release()
        os._exit(0)

    def take(self) -> bool:
        """Whether a frame is requested; if so, uses up the request."""
        return self._asked.acquire(blocking=False)


class Answers:
    """Messages to the watching process."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._last = time.monotonic()

    def send(self, message: dict[str, Any], picture_rgb: NDArray[np.uint8] | None = None) -> None:
        """Send a message, and the picture (H, W, 3) that belongs to it."""
        text = json.dumps(message).encode()
        self._stream.write(LENGTH.pack(len(text)) + text)
        if picture_rgb is not None:
            self._stream.write(np.ascontiguousarray(picture_rgb).data)
        self._stream.flush()
        self._last = time.monotonic()

    def alive(self) -> None:
        """Report that the current silence is intentional."""
        self.tell({"alive": True})

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message, unless another was sent just now."""
        if time.monotonic() - self._last >= ALIVE_SECONDS:
            self.send(message)


class Due:
    """Whether a frame may be sent, at most `fps` a second on average."""

    def __init__(self, fps: float) -> None:
        self._interval = 1 / fps
        self._next = 0.0

    def __call__(self, now: float) -> bool:
        """now: by `now_seconds`. If the answer is True, the frame must be sent."""
        # A little early counts as on time: a source with exactly the requested rate must not lose every other frame to its jitter.
        if now < self._next - self._interval / 4:
            return False
        self._next = max(self._next + self._interval, now)
        return True


def serve(source: Source, settings: LiveSettings, complaints: Complaints, requests: Requests, answers: Answers) -> None:
    """Send the frames of one source from opening it to its end or failure."""
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
    """Returns how many frames arrived, and how many of them were damaged. A damaged frame is not sent; the next one replaces it."""
    received = damaged = 0
    due = Due(max(settings.picture_fps, settings.judged_fps))
    stillness = Stillness()
    promised = False
    for arrival in decoding.arrivals():
        captured = now_seconds()
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
"""Grey levels by which the mean of a cell may differ: as much as encoding the same picture again causes."""

SAME_SHARE = 0.5
"""Share of the frames that must equal the previous one bit by bit: in an empty room the cells stay the same too, but the camera's noise
does not.
"""


class Stillness:
    """How long a source has been sending one and the same picture: a frozen camera goes on sending. For the frames of one connection."""

    def __init__(self) -> None:
        self._checksum: int | None = None
        self._cells: NDArray[np.float32] | None = None
        self._since = 0.0
        self._frames = 0
        self._same = 0

    def unchanged_seconds(self, picture_rgb: NDArray[np.uint8], seconds: float) -> float:
        """For how long the picture (H, W, 3), which arrived at `seconds`, has not changed; 0 for a new one."""
        checksum = zlib.crc32(np.ascontiguousarray(picture_rgb).data, picture_rgb.shape[0])
        # In two steps: integers are precise enough for the small cells, and the mean of those is then taken without rounding.
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
