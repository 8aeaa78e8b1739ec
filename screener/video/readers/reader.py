"""The contracts of this room: a reader steps through the frames of one stream, a decoding makes sampled frames of one input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from screener.records import Frame
from screener.video.ledger import Ledger

DECODER_THREADS = 4
"""Frames are decoded alike on any number of cores only where nothing is damaged; a fixed number makes damaged ones repeatable too."""

_IN_ONE_THREAD = frozenset({"dirac"})
"""Codecs that FFmpeg's threads decode at random, without a word: of 10 bits, slices of one picture overwrite each other."""


def use_threads(context: Any, kind: str) -> None:
    """context: of a stream's codec, before anything is decoded. kind: `FRAME`, `SLICE`, or `AUTO` for both."""
    context.thread_type = kind
    context.thread_count = 1 if context.codec.canonical_name in _IN_ONE_THREAD else DECODER_THREADS


class Reader(Protocol):
    """What all readers can do. `seconds`: container time of the frame, if it has one. `is_sound`: nobody complained of the frame, as far as
    the reader can tell. `faults`: damage that no log tells of."""

    name: str
    frames_read: int
    faults: int

    def grab(self) -> bool: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def is_sound(self) -> bool: ...
    def picture(self) -> NDArray[np.uint8] | None: ...
    def close(self) -> None: ...


class Decoding(Protocol):
    """One pass over one input. `steps` yields sampled frames, and None on the way to the next."""

    ledger: Ledger
    expected_frames: int | None

    def steps(self) -> Iterator[Frame | None]: ...
