"""The network in PyTorch, on any device, in bfloat16 where the hardware computes in it.

Its batch norms are folded into the convolutions and channels that are copies of each other are computed once, which changes nothing but
speed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from screener.model import Network, fake_logit, without_copies
from screener.preprocess import Preprocessing
from screener.scoring.acceleration import ACCELERATIONS
from screener.scoring.devices import choose_device, choose_dtype
from screener.scoring.folding import fold_batch_norm
from screener.scoring.normalisation import Normalisation


class TorchEngine:
    """A network on a device."""

    name = "torch"

    def __init__(
        self,
        network: Network,
        contract: Preprocessing,
        device: str = "auto",
        dtype: str = "auto",
        *,
        acceleration: str = "none",
    ) -> None:
        """acceleration: a key of `ACCELERATIONS`."""
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        self.dtype_name = str(self.dtype).removeprefix("torch.")
        self.network = fold_batch_norm(without_copies(network.eval())).requires_grad_(False).to(self.device)
        # The last sum decides: the head's `fc` keeps its full precision.
        for convolutions in (self.network.backbone, self.network.head.layer4):
            convolutions.to(dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._normalise = Normalisation(contract).to(self.device)
        self._forward = ACCELERATIONS[acceleration](self._answers, self.device)

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        with torch.inference_mode():
            logits, _ = self._forward(self._placed(crops_rgb))
            return _as_float64(logits)

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """One pass through the backbone answers both; the locator takes no part in the logits."""
        with torch.inference_mode():
            logits, features = self._forward(self._placed(crops_rgb))
            where = torch.sigmoid(self.network.locator(features.float())[:, 0])
            return _as_float64(logits), np.asarray(where.cpu().numpy(), np.float32)

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        with torch.inference_mode():
            ready = self._normalise(self._placed(crops_rgb)).to(self.dtype)

        def run() -> object:
            with torch.inference_mode():
                return self.network(ready).cpu()

        return run

    def _placed(self, crops_rgb: NDArray[np.uint8]) -> Tensor:
        """Bytes on the device; from pinned memory the driver copies them at once, and the processor goes on to launch the network."""
        crops = torch.from_numpy(np.ascontiguousarray(crops_rgb))
        if self.device.type == "cuda":
            return crops.pin_memory().to(self.device, non_blocking=True)
        return crops.to(self.device)

    def _answers(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self.network.backbone(self._normalise(crops).to(self.dtype))
        return fake_logit(self.network.head(features)), features


def _as_float64(logits: Tensor) -> NDArray[np.float64]:
    return np.asarray(logits.cpu().double().numpy(), np.float64)
