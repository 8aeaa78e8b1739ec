"""What a scorer needs of whatever computes the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

Pictures = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
"""(N, S, S, 3) uint8 crops, in one piece or one by one."""

LogitsAndMaps = tuple[NDArray[np.float64], NDArray[np.float32] | None]
"""(N,) uncalibrated log-odds of fake, and (N, S/16, S/16) certainty, 0 to 1, of a blend there, or None where it was not asked for."""


class Engine(Protocol):
    """A network made ready. The same crop gives the same logit with and without maps."""

    name: str
    """As `engines.ENGINES` has it."""
    device: torch.device
    dtype_name: str
    """What its convolutions are computed in: a key of `scoring.TOLERANCE_P_FAKE`."""

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, S, S, 3) uint8 crops, at least one -> (N,) uncalibrated log-odds of fake, in one batch."""
        ...

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """(N, S, S, 3) uint8 crops, at least one -> (N,) logits and (N, S/16, S/16) certainty, 0 to 1, of a blend there."""
        ...

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """What runs the network over these crops, made ready already: for measuring what everything else costs."""
        ...


@runtime_checkable
class BeginningEngine(Engine, Protocol):
    """An engine that need not have a batch's answer when it is given the next; of others the answer is there at once."""

    keeps_in_flight: bool
    """Whether something is won by beginning a batch before the answer to the one before is asked for."""

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        """At least one crop, in one batch -> what waits for its answers, those of `logits` or `logits_and_maps`, and gives them."""
        ...
