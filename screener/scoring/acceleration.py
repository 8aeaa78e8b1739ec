"""Ways to launch a network's many small kernels with less CPU time: directly, as a captured CUDA graph, or with PyTorch's compiler.

None changes a result by more than rounding. `scripts/bench_gpu.py` measures what each gains on a card; until that was done, none is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Answers = tuple[Tensor, Tensor]
Forward = Callable[[Tensor], Answers]
"""(N, S, S, 3) uint8 on the device -> logits and features on the device."""

WARM_UP_PASSES = 3
"""Passes before a capture, in which libraries choose their kernels and allocate memory."""


def plain(forward: Forward, device: torch.device) -> Forward:
    """The forward pass unchanged."""
    return forward


class CapturedGraph:
    """One CUDA graph for each batch size; if a capture fails, the plain pass from then on, with one warning.

    Batches share the memory of a graph, so it must be called in one thread at a time and on one stream, as `Lane` does.
    """

    def __init__(self, forward: Forward, device: torch.device) -> None:
        self._forward, self._device = forward, device
        self._graphs: dict[tuple[int, ...], tuple[Any, Tensor, Answers]] = {}
        self._fails = device.type != "cuda"

    def __call__(self, crops: Tensor) -> Answers:
        """Run the graph recorded for this batch shape, or the network itself if recording failed."""
        if not self._fails and tuple(crops.shape) not in self._graphs:
            self._capture(crops)
        if self._fails:
            return self._forward(crops)
        graph, taken, given = self._graphs[tuple(crops.shape)]
        taken.copy_(crops)
        graph.replay()
        # The graph overwrites these tensors in its next run.
        return given[0].clone(), given[1].clone()

    def _capture(self, crops: Tensor) -> None:
        try:
            taken = crops.clone()
            stream: Any = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(self._device))
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP_PASSES):
                    self._forward(taken)
            torch.cuda.current_stream(self._device).wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Work of other threads on the card, such as finding faces, must neither be captured nor fail.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                given = self._forward(taken)
            self._graphs[tuple(crops.shape)] = graph, taken, given
        except (RuntimeError, AssertionError) as error:
            self._fails = True
            self._graphs.clear()
            warnings.warn(f"no CUDA graph could be captured ({error}); scoring goes on without", RuntimeWarning, stacklevel=4)


class Compiled:
    """PyTorch's compiler; if it fails, the plain pass from then on, with one warning."""

    def __init__(self, forward: Forward, device: torch.device) -> None:
        self._forward = forward
        self._compiled: Forward | None = torch.compile(forward, dynamic=False)

    def __call__(self, crops: Tensor) -> Answers:
        """Run the compiled network, or the network itself once compiling has failed."""
        if self._compiled is not None:
            try:
                return self._compiled(crops)
            except Exception as error:  # the compiler's errors have no common base class
                self._compiled = None
                warnings.warn(f"the network could not be compiled ({type(error).__name__}); scoring goes on without", stacklevel=4)
        return self._forward(crops)


ACCELERATIONS: dict[str, Callable[[Forward, torch.device], Forward]] = {"none": plain, "graph": CapturedGraph, "compile": Compiled}
"""Every way by name."""
