"""Transfers batches of crops to a CUDA card and results back, such that card and CPU need not wait for each other.

Uploads run on a stream of their own while the previous batch is computed on another; the CPU waits only when a result is fetched. The face
detector stays on the default stream and waits for no batch. Does not know networks. The gain has not been measured on a card yet:
`scripts/bench_gpu.py` does that.
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
"""Number of pinned buffers: one is filled while the other is uploaded."""

Compute = Callable[[Tensor], Sequence[Tensor]]
"""(N, S, S, 3) uint8 on the card -> results on the card."""


class Lane:
    """Transfers for one card, usable by any number of threads; they launch batches one at a time, and none waits for another's result."""

    def __init__(self, device: torch.device) -> None:
        """Waits until pending changes to the weights on the current stream are done."""
        self._device = device
        self._uploading: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._computing: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._computing.wait_stream(torch.cuda.current_stream(device))
        self._slots = deque(_Slot() for _ in range(SLOTS))
        self._launching = threading.Lock()

    def begin(self, pictures_rgb: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], compute: Compute) -> Callable[[], list[Tensor]]:
        """Launch `compute` for (S, S, 3) uint8 crops, at least one; returns a function that waits for the results and returns them in CPU
        memory.

        The crops may be changed or freed as soon as this returns. The returned function may be called in another thread.
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
                # Its memory belongs to the upload stream, which must not reuse it while this one reads.
                crops.record_stream(self._computing)
                # Into pinned memory, which PyTorch caches and reuses after the copy.
                answers = [answer.to("cpu", non_blocking=True) for answer in compute(crops)]
                done = _event()
                done.record(self._computing)

        def fetch() -> list[Tensor]:
            done.synchronize()
            return answers

        return fetch


class _Slot:
    """A pinned buffer, as large as the largest batch so far, and the event after which it may be overwritten."""

    def __init__(self) -> None:
        self.uploaded = _event()
        self._memory: Tensor | None = None

    def filled(self, pictures_rgb: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Tensor:
        self.uploaded.synchronize()  # returns at once if never recorded
        count, shape = len(pictures_rgb), pictures_rgb[0].shape
        if self._memory is None or len(self._memory) < count or self._memory.shape[1:] != shape:
            self._memory = _pinned((count, *shape))
        staged = self._memory[:count]
        np.stack(pictures_rgb, out=staged.numpy())  # type: ignore[arg-type]
        return staged


def _event() -> Any:
    """An event on which the CPU waits asleep, because decoding and finding faces need the cores."""
    return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]


def _pinned(shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
