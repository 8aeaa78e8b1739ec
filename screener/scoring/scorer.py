"""Any number of crops -> their logits, in batches, whatever engine computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from screener.errors import DeviceError
from screener.model.network import STRIDE, Network
from screener.model.preprocessing import Preprocessing
from screener.records import FaceCrop
from screener.runtime.in_flight import in_flight
from screener.scoring.engine import BeginningEngine, Engine, LogitsAndMaps, Pictures
from screener.scoring.torch_engine import TorchEngine

TOLERANCE_P_FAKE = {"float32": 1e-3, "bfloat16": 2e-2, "int8": 1e-3}
"""How far `p_fake` of one crop may move with batch size and batch mates, by dtype; see `scripts/measure_agreement.py`.

Sums of 8-bit integers are exact in any order. What 8 bits cost against float32 is another question, see `scripts/measure_engines.py`.
"""

OUT_OF_MEMORY = ("out of memory", "ALLOC_FAILED")
"""What is in the errors of PyTorch, CUDA and its libraries, and of Apple's devices, when the device's memory does not suffice."""


@dataclass(frozen=True)
class Begun:
    """One batch on its way through the network."""

    _fetch: Callable[[], LogitsAndMaps]

    def result(self) -> LogitsAndMaps:
        """Wait for the answers: the logit of each crop, in order, and its map where asked for. Raises DeviceError."""
        return self._fetch()


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
        """Where the engine computes."""
        return self.engine.device

    @property
    def dtype_name(self) -> str:
        """What the engine computes in."""
        return self.engine.dtype_name

    def ran_on(self) -> dict[str, str]:
        """What `auto` has become, for the settings of a verdict."""
        return {"engine": self.engine.name, "device": str(self.device), "dtype": self.dtype_name}

    @property
    def keeps_in_flight(self) -> bool:
        """Whether something is won by beginning a batch before the result of the one before is asked for: on a CUDA card."""
        return isinstance(self.engine, BeginningEngine) and self.engine.keeps_in_flight

    def begin(self, crops: Sequence[FaceCrop], locate: bool = False) -> Begun:
        """Begin to score one batch of crops, at least one; locate: their maps too. Safe in several threads at once.

        On the CPU the result is there when this returns. Raises DeviceError, here or with the result, when memory does not suffice.
        """
        return self._begin([crop.crop_rgb for crop in crops], locate)

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, S, S, 3) uint8 crops -> (N,) uncalibrated log-odds of fake, in batches of at most `batch_size`."""
        return np.concatenate([np.zeros(0), *(logits for logits, _ in self._results(crops_rgb, locate=False))])

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """(N, S, S, 3) uint8 crops -> (N,) logits, the very ones of `logits`, and (N, S/16, S/16) certainty, 0 to 1, of a blend there."""
        found = list(self._results(crops_rgb, locate=True))
        cells = self._contract.input_size // STRIDE
        maps = [np.zeros((0, cells, cells), np.float32), *(maps for _, maps in found if maps is not None)]
        return np.concatenate([np.zeros(0), *(logits for logits, _ in found)]), np.concatenate(maps)

    def score(self, crops: Sequence[FaceCrop]) -> NDArray[np.float64]:
        """The logit of each crop, in order."""
        return self.logits(self._stacked(crops))

    def _results(self, crops_rgb: NDArray[np.uint8], locate: bool) -> Iterator[LogitsAndMaps]:
        batches = (crops_rgb[start : start + self.batch_size] for start in range(0, len(crops_rgb), self.batch_size))
        for begun in in_flight((self._begin(batch, locate) for batch in batches), int(self.keeps_in_flight)):
            yield begun.result()

    def _begin(self, pictures_rgb: Pictures, locate: bool) -> Begun:
        count = len(pictures_rgb)
        with self._memory_or_advice(count):
            fetch = self._begun_by_engine(pictures_rgb, locate)

        def fetched() -> LogitsAndMaps:
            with self._memory_or_advice(count):
                logits, maps = fetch()
            return self._sound(logits), maps

        return Begun(fetched)

    def _begun_by_engine(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        if isinstance(self.engine, BeginningEngine):
            return self.engine.begin(pictures_rgb, locate)
        crops_rgb = np.ascontiguousarray(pictures_rgb)
        answers = self.engine.logits_and_maps(crops_rgb) if locate else (self.engine.logits(crops_rgb), None)
        return lambda: answers

    @contextmanager
    def _memory_or_advice(self, count: int) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if not any(words in str(error) for words in OUT_OF_MEMORY):
                raise
            raise DeviceError(
                f"{self.device}: out of memory with {count} faces scored together; try a smaller --batch-size (now {self.batch_size}), "
                "fewer --workers, or --device cpu"
            ) from error

    def _stacked(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        size = self._contract.input_size
        return np.stack([crop.crop_rgb for crop in crops]) if crops else np.zeros((0, size, size, 3), np.uint8)

    def _sound(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        if not np.isfinite(logits).all():
            raise DeviceError(
                f"{self.device} in {self.dtype_name}: the network gave a score that is no number; try --dtype float32 or --device cpu"
            )
        return logits
