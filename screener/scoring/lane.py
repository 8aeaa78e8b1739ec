"""Batches of crops to a CUDA card and their answers back, so that card and processor need not wait for each other.

Bytes go up on a stream of their own while the batch before is computed on another; the processor waits for an answer when it is asked for
it, and for nothing else. The face detector stays on the default stream, and its answers wait for no batch. Does not know networks.
What this is worth has not been measured on a card: `scripts/bench_gpu.py` does.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SLOTS = 2
"""Pieces of pinned memory: one is filled while the other is on its way up."""

Compute = Callable[[Tensor], Sequence[Tensor]]
"""(N, S, S, 3) uint8 on the card -> answers there."""


class Lane:
    """The way to one card and back, for any number of threads; one at a time launches its batch, none waits for another's answer."""

    def __init__(self, device: torch.device) -> None:
        """What was done to the weights on the present stream is waited for."""
        self._device = device
        self._uploading: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._computing: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._computing.wait_stream(torch.cuda.current_stream(device))
        self._slots = deque(_Slot() for _ in range(SLOTS))
        self._launching = threading.Lock()

    def begin(self, pictures_rgb: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], compute: Compute) -> Callable[[], list[Tensor]]:
        """Launch `compute` for (S, S, 3) uint8 crops, at least one -> what waits for its answers and gives them, on the processor.

        The crops may be changed or freed as soon as this returns. May be called in one thread and its answer asked for in another.
        """
        with self._launching:
            slot = self._slots[0]
            self._slots.rotate(-1)
            staged = slot.filled(pictures_rgb)
            with torch.cuda.stream(self._uploading):
                crops = staged.to(self._device, non_blocking=True)
                slot.uploaded.record(self._uploading)
            with torch.cuda.stream(self._computing):
                self._computing.wait_event(slot.uploaded)
                # Its memory belongs to the other stream, which must not hand it out again while this one reads.
                crops.record_stream(self._computing)
                # Into pinned memory, which PyTorch keeps and reuses once the copy is over.
                answers = [answer.to("cpu", non_blocking=True) for answer in compute(crops)]
                done = _event()
                done.record(self._computing)

        def fetch() -> list[Tensor]:
            done.synchronize()
            return answers

        return fetch


class _Slot:
    """A piece of pinned memory, as large as the largest batch that came, and the event that says it may be written to again."""

    def __init__(self) -> None:
        self.uploaded = _event()
        self._memory: Tensor | None = None

    def filled(self, pictures_rgb: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Tensor:
        self.uploaded.synchronize()  # at once where it was never recorded
        count, shape = len(pictures_rgb), pictures_rgb[0].shape
        if self._memory is None or len(self._memory) < count or self._memory.shape[1:] != shape:
            self._memory = _pinned((count, *shape))
        staged = self._memory[:count]
        np.stack(pictures_rgb, out=staged.numpy())  # type: ignore[arg-type]
        return staged


def _event() -> Any:
    """Whoever waits for it sleeps: decoding and finding faces want the cores."""
    return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]


def _pinned(shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
