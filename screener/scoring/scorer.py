"""Any number of crops -> their logits, in batches, whatever engine computes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from screener.errors import DeviceError
from screener.model import STRIDE, Network
from screener.preprocess import Preprocessing
from screener.records import FaceCrop
from screener.scoring.engine import Engine
from screener.scoring.torch_engine import TorchEngine

TOLERANCE_P_FAKE = {"float32": 1e-3, "bfloat16": 2e-2, "int8": 1e-3}
"""How far `p_fake` of one crop may move with batch size and batch mates, by dtype; see `scripts/measure_agreement.py`.

Sums of 8-bit integers are exact in any order. What 8 bits cost against float32 is another question, see `scripts/measure_engines.py`.
"""


class Scorer:
    """A network made ready on a device; the same crop gives the same logit whatever batch it is in, within TOLERANCE_P_FAKE."""

    def __init__(
        self,
        network: Network | Engine,
        contract: Preprocessing,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 16,
    ) -> None:
        """network: a network, which PyTorch then computes on `device` in `dtype`, or an engine that has both settled."""
        self.engine: Engine = TorchEngine(network, contract, device, dtype) if isinstance(network, Network) else network
        self.batch_size = batch_size
        self._contract = contract

    @property
    def device(self) -> torch.device:
        return self.engine.device

    @property
    def dtype_name(self) -> str:
        return self.engine.dtype_name

    def ran_on(self) -> dict[str, str]:
        """What `auto` has become, for the settings of a verdict."""
        return {"engine": self.engine.name, "device": str(self.device), "dtype": self.dtype_name}

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, S, S, 3) uint8 crops -> (N,) uncalibrated log-odds of fake, in batches of at most `batch_size`."""
        found = [self._sound(self.engine.logits(batch)) for batch in self._batches(crops_rgb)]
        return np.concatenate(found) if found else np.zeros(0)

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """(N, S, S, 3) uint8 crops -> (N,) logits, the very ones of `logits`, and (N, S/16, S/16) certainty, 0 to 1, of a blend there."""
        found = [self.engine.logits_and_maps(batch) for batch in self._batches(crops_rgb)]
        if not found:
            cells = self._contract.input_size // STRIDE
            return np.zeros(0), np.zeros((0, cells, cells), np.float32)
        return np.concatenate([self._sound(logits) for logits, _ in found]), np.concatenate([maps for _, maps in found])

    def score(self, crops: Sequence[FaceCrop]) -> NDArray[np.float64]:
        """The logit of each crop, in order."""
        return self.logits(self._stacked(crops))

    def score_and_locate(self, crops: Sequence[FaceCrop]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The logit of each crop, the very one of `score`, and its (S/16, S/16) map, in order."""
        return self.logits_and_maps(self._stacked(crops))

    def _batches(self, crops_rgb: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return [crops_rgb[start : start + self.batch_size] for start in range(0, len(crops_rgb), self.batch_size)]

    def _stacked(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        size = self._contract.input_size
        return np.stack([crop.crop_rgb for crop in crops]) if crops else np.zeros((0, size, size, 3), np.uint8)

    def _sound(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        if not np.isfinite(logits).all():
            raise DeviceError(
                f"{self.device} in {self.dtype_name}: the network gave a score that is no number; try --dtype float32 or --device cpu"
            )
        return logits
