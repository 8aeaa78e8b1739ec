"""Any number of crops in, their logits out, in batches, with any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import DeviceError
from screener.model.architecture import STRIDE
from screener.model.preprocessing import Preprocessing
from screener.records import FaceCrop
from screener.runtime.in_flight import in_flight
from screener.scoring.engine import BeginningEngine, Device, Engine, LogitsAndMaps, Pictures, begun

if TYPE_CHECKING:
    from screener.model.network import Network

TOLERANCE_P_FAKE = {"float32": 1e-3, "bfloat16": 2e-2, "int8": 1e-3}
"""How much `p_fake` of a crop may vary with the size and content of its batch, by dtype; see `scripts/measure_agreement.py`.

Sums of 8-bit integers are exact in any order. `scripts/measure_engines.py` measures what 8 bits cost against float32.
"""

OUT_OF_MEMORY = ("out of memory", "ALLOC_FAILED")
"""Parts of the error messages of PyTorch, CUDA and its libraries, and Apple devices, when the device runs out of memory."""


@dataclass(frozen=True)
class Begun:
    """One batch that is being computed."""

    _fetch: Callable[[], LogitsAndMaps]

    def result(self) -> LogitsAndMaps:
        """Wait for the results: the logit of each crop, in order, and its map if asked for. Raises DeviceError."""
        return self._fetch()


class Scorer:
    """A network ready on a device. The same crop gives the same logit in any batch, within TOLERANCE_P_FAKE."""

    def __init__(
        self,
        network: Network | Engine,
        contract: Preprocessing,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 16,
        model_sha256: str | None = None,
    ) -> None:
        """network: a network, which PyTorch then runs on `device` in `dtype`, or an engine with its own device and dtype. model_sha256: of
        the file that an engine runs instead of the checkpoint's weights.
        """
        # Told apart without the class of networks, which would load PyTorch.
        self.engine: Engine = _with_pytorch(network, contract, device, dtype) if hasattr(network, "state_dict") else network
        self.batch_size = batch_size
        self._model = {} if model_sha256 is None else {"model_sha256": model_sha256}
        self._contract = contract

    @property
    def device(self) -> Device:
        """The engine's device."""
        return self.engine.device

    @property
    def dtype_name(self) -> str:
        """The engine's dtype."""
        return self.engine.dtype_name

    def ran_on(self) -> dict[str, str]:
        """The values that `auto` was resolved to, and the hash of a model file, for the settings of a verdict."""
        return {"engine": self.engine.name, "device": str(self.device), "dtype": self.dtype_name, **self._model}

    @property
    def keeps_in_flight(self) -> bool:
        """Whether starting a batch before fetching the previous result saves time, as on a CUDA card."""
        return isinstance(self.engine, BeginningEngine) and self.engine.keeps_in_flight

    def begin(self, crops: Sequence[FaceCrop], locate: bool = False) -> Begun:
        """Start to score one batch of at least one crop. locate: also compute their maps. Safe in several threads at once.

        On the CPU the result is complete when this returns. Raises DeviceError, here or with the result, if memory does not suffice.
        """
        return self.begin_pictures([crop.crop_rgb for crop in crops], locate)

    def begin_pictures(self, pictures_rgb: Pictures, locate: bool = False) -> Begun:
        """The same for crops alone."""
        count = len(pictures_rgb)
        with self._memory_or_advice(count):
            fetch = begun(self.engine, pictures_rgb, locate)

        def fetched() -> LogitsAndMaps:
            with self._memory_or_advice(count):
                logits, maps = fetch()
            return self._sound(logits), maps

        return Begun(fetched)

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, S, S, 3) uint8 crops -> (N,) uncalibrated log-odds of fake, in batches of at most `batch_size`."""
        return np.concatenate([np.zeros(0), *(logits for logits, _ in self._results(crops_rgb, locate=False))])

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """(N, S, S, 3) uint8 crops -> (N,) logits, the same as from `logits`, and (N, S/16, S/16) probability of blending in each cell."""
        found = list(self._results(crops_rgb, locate=True))
        cells = self._contract.input_size // STRIDE
        maps = [np.zeros((0, cells, cells), np.float32), *(maps for _, maps in found if maps is not None)]
        return np.concatenate([np.zeros(0), *(logits for logits, _ in found)]), np.concatenate(maps)

    def score(self, crops: Sequence[FaceCrop]) -> NDArray[np.float64]:
        """The logit of each crop, in order."""
        return self.logits(self._stacked(crops))

    def _results(self, crops_rgb: NDArray[np.uint8], locate: bool) -> Iterator[LogitsAndMaps]:
        batches = (crops_rgb[start : start + self.batch_size] for start in range(0, len(crops_rgb), self.batch_size))
        for batch in in_flight((self.begin_pictures(crops, locate) for crops in batches), int(self.keeps_in_flight)):
            yield batch.result()

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


def _with_pytorch(network: Any, contract: Preprocessing, device: str, dtype: str) -> Engine:
    from screener.scoring.torch_engine import TorchEngine

    return TorchEngine(network, contract, device, dtype)
