"""The network in PyTorch, on any device, in bfloat16 if the hardware computes in it.

Batch norms are folded into the convolutions, which only changes speed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from screener.model.network import Backbone, Bottleneck, Network, fake_logit
from screener.model.preprocessing import Preprocessing
from screener.scoring.acceleration import ACCELERATIONS
from screener.scoring.devices import choose_device, choose_dtype, keep_float32_whole
from screener.scoring.engine import ByBeginning, LogitsAndMaps, Pictures
from screener.scoring.lane import Lane

FoldedModule = TypeVar("FoldedModule", bound=nn.Module)


class TorchEngine(ByBeginning):
    """A network on a device. One pass through the backbone gives logits and maps; the locator does not affect the logits."""

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
        keep_float32_whole()
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        self.dtype_name = str(self.dtype).removeprefix("torch.")
        self.network = fold_batch_norm(network.eval()).requires_grad_(False).to(self.device)
        # The head's `fc` keeps full precision, because the final sum decides.
        for convolutions in (self.network.backbone, self.network.head.layer4):
            convolutions.to(dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._normalise = Normalisation(contract).to(self.device)
        self._forward = ACCELERATIONS[acceleration](self._answers, self.device)
        self._lane = Lane(self.device) if self.device.type == "cuda" else None
        # On Apple devices a copy to the CPU waits for everything launched before it, including the next batch: nothing would be gained.
        self.keeps_in_flight = self._lane is not None

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        """See `BeginningEngine.begin`. On the CPU the batch is computed before this returns. Safe in several threads at once."""

        def compute(crops: Tensor) -> list[Tensor]:
            logits, features = self._forward(crops)
            return [logits, torch.sigmoid(self.network.locator(features.float())[:, 0])] if locate else [logits]

        with torch.inference_mode():
            if self._lane is not None:
                fetch = self._lane.begin(pictures_rgb, compute)
                return lambda: _as_numpy(*fetch())
            computed = compute(torch.from_numpy(np.ascontiguousarray(pictures_rgb)).to(self.device))
            return lambda: _as_numpy(*computed)

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """See `Engine.bare_pass`."""
        with torch.inference_mode():
            ready = self._normalise(torch.from_numpy(np.ascontiguousarray(crops_rgb)).to(self.device)).to(self.dtype)

        def run() -> object:
            with torch.inference_mode():
                return self.network(ready).cpu()

        return run

    def _answers(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self.network.backbone(self._normalise(crops).to(self.dtype))
        return fake_logit(self.network.head(features)), features


def _as_numpy(logits: Tensor, maps: Tensor | None = None) -> LogitsAndMaps:
    """Copies, because the memory of the results is reused."""
    return logits.cpu().double().numpy(), None if maps is None else np.array(maps.cpu().numpy(), np.float32)


def fold_batch_norm(module: FoldedModule) -> FoldedModule:
    """Fold every batch norm of a network or backbone in `eval()` into the convolution before it, in place."""
    for part in list(module.modules()):
        if isinstance(part, Backbone):
            _fold(part, 1)
        elif isinstance(part, Bottleneck):
            for number in (1, 2, 3):
                _fold(part, number)
            if part.downsample is not None:
                convolution, norm = part.downsample
                assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
                part.downsample = nn.Sequential(fuse_conv_bn_eval(convolution, norm))
    return module


def _fold(module: nn.Module, number: int) -> None:
    convolution, norm = f"conv{number}", f"bn{number}"
    setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
    setattr(module, norm, nn.Identity())


class Normalisation(nn.Module):
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in channels-last memory order: the same as `preprocessing.normalise`, bit by bit, on the
    device.

    Only bytes are transferred, a quarter of the float32 values, and on the CPU PyTorch takes a fifth of NumPy's time.
    """

    def __init__(self, contract: Preprocessing) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(contract.mean_rgb) * 255.0)
        self.register_buffer("scale", 1.0 / (torch.tensor(contract.std_rgb) * 255.0))

    def forward(self, crops_rgb: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 crops -> (N, 3, S, S) float32, minus the mean, divided by the standard deviation."""
        # Row by row: with three numbers at a time it takes eight times as long, a twentieth of the network's time.
        mean, scale = (values.repeat(crops_rgb.shape[2]) for values in (self.mean, self.scale))
        return ((crops_rgb.flatten(2).float() - mean) * scale).view(crops_rgb.shape).permute(0, 3, 1, 2)
