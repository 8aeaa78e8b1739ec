"""The two contracts of this package: a reader steps through the frames of one stream, a decoding yields the sampled frames of one input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from screener.records import Frame
from screener.video.ledger import Ledger

DECODER_THREADS = 4
"""Fixed, so that damaged frames are decoded the same way on every machine; undamaged ones do not depend on the number of threads."""

_IN_ONE_THREAD = frozenset({"dirac"})
"""Codecs that FFmpeg silently decodes wrongly with threads: in 10 bits, slices of one picture overwrite each other."""


def use_threads(context: Any, kind: str) -> None:
    """Set a decoder's threads. context: of a stream's codec, before anything is decoded. kind: `FRAME`, `SLICE`, or `AUTO` for both."""
    context.thread_type = kind
    context.thread_count = 1 if context.codec.canonical_name in _IN_ONE_THREAD else DECODER_THREADS


class Reader(Protocol):
    """Steps through the frames of one stream. frames_read: number of frames so far. faults: damage that shows in no log message."""

    name: str
    frames_read: int
    faults: int

    def grab(self) -> bool:
        """Step to the next frame; False at the end."""
        ...

    @property
    def seconds(self) -> float | None:
        """Presentation time of the frame in container time; None if unknown."""
        ...

    @property
    def is_sound(self) -> bool:
        """Whether no damage to the frame is known, as far as this reader can tell."""
        ...

    def picture(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB of the frame, upright, with square pixels; None if it cannot be had."""
        ...

    def close(self) -> None:
        """Release the decoder and the file."""
        ...


class Decoding(Protocol):
    """One pass over one input. ledger: facts found so far. expected_frames: how many frames will be sampled, None if unknown."""

    ledger: Ledger
    expected_frames: int | None

    def steps(self) -> Iterator[Frame | None]:
        """Yield the sampled frames, and None on the way to the next, so that the caller can act in between."""
        ...
