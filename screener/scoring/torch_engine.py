"""The network in PyTorch, on any device, in bfloat16 where the hardware computes in it.

Its batch norms are folded into the convolutions, which changes nothing but speed.
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
from screener.scoring.devices import choose_device, choose_dtype
from screener.scoring.engine import LogitsAndMaps, Pictures
from screener.scoring.lane import Lane

FoldedModule = TypeVar("FoldedModule", bound=nn.Module)


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
        self.network = fold_batch_norm(network.eval()).requires_grad_(False).to(self.device)
        # The last sum decides: the head's `fc` keeps its full precision.
        for convolutions in (self.network.backbone, self.network.head.layer4):
            convolutions.to(dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._normalise = Normalisation(contract).to(self.device)
        self._forward = ACCELERATIONS[acceleration](self._answers, self.device)
        self._lane = Lane(self.device) if self.device.type == "cuda" else None
        # On Apple's devices a copy back waits for all that was launched before it, a batch begun meanwhile included: nothing would be won.
        self.keeps_in_flight = self._lane is not None

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """See `Engine.logits`."""
        return self.begin(crops_rgb, locate=False)()[0]

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """One pass through the backbone answers both; the locator takes no part in the logits."""
        logits, maps = self.begin(crops_rgb, locate=True)()
        assert maps is not None
        return logits, maps

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        """On the CPU it is computed here and now. May be called by several threads at once."""

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
    """Copies: the memory that answers arrive in is used again."""
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
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in channels-last memory order: `preprocessing.normalise`, to the last bit, on the device.

    The bytes of a crop travel, a quarter of what its float32 values would be, and on the CPU PyTorch does it in a fifth of NumPy's time.
    """

    def __init__(self, contract: Preprocessing) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(contract.mean_rgb) * 255.0)
        self.register_buffer("scale", 1.0 / (torch.tensor(contract.std_rgb) * 255.0))

    def forward(self, crops_rgb: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 crops -> (N, 3, S, S) float32, minus the mean, over the deviation."""
        # Row by row: against three numbers at a time it takes eight times as long, as much as a twentieth of the network.
        mean, scale = (values.repeat(crops_rgb.shape[2]) for values in (self.mean, self.scale))
        return ((crops_rgb.flatten(2).float() - mean) * scale).view(crops_rgb.shape).permute(0, 3, 1, 2)
