"""What a scorer needs of whatever computes the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray


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
