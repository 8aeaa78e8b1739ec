"""Face crops -> fake logits, and where asked the locator's maps, in batches, on the best device and dtype there is.

Knows tensors and devices. Does not know calibration, people or time. The network arrives with its weights (`checkpoint.build_network`);
here its batch norms are folded into the convolutions and channels that are copies of each other are computed once, which changes nothing
but speed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import Bottleneck

from screener.errors import DeviceError
from screener.model import STRIDE, Network, fake_logit, without_copies
from screener.preprocess import Preprocessing, normalise
from screener.records import FaceCrop

TOLERANCE_P_FAKE = {"float32": 1e-3, "bfloat16": 2e-2}
"""How far `p_fake` of one crop may move with batch size and batch mates, by dtype; see `scripts/measure_agreement.py`."""


def choose_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `mps` -> device; raises DeviceError when the one asked for is missing."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available.get(name, False):
        there = ", ".join(device for device, is_there in available.items() if is_there)
        raise DeviceError(f"device {name}: not available to PyTorch {torch.__version__} on this machine; available: {there}")
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` takes bfloat16 only where the hardware computes in it; elsewhere it would be slower than float32, not faster."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu" and _cpu_computes_bfloat16():
        return torch.bfloat16
    return torch.float32


def _cpu_computes_bfloat16() -> bool:
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check)()) for check in checks if hasattr(torch.cpu, check))


def fold_batch_norm(network: Network) -> Network:
    """Fold every batch norm of an `eval()` network into the convolution before it, in place."""
    _fold(network.backbone, 1)
    for block in network.modules():
        if isinstance(block, Bottleneck):
            for number in (1, 2, 3):
                _fold(block, number)
            if block.downsample is not None:
                block.downsample = nn.Sequential(fuse_conv_bn_eval(block.downsample[0], block.downsample[1]))
    return network


def _fold(module: nn.Module, number: int) -> None:
    convolution, norm = f"conv{number}", f"bn{number}"
    setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
    setattr(module, norm, nn.Identity())


class Scorer:
    """A network made ready on a device; the same crop gives the same logit whatever batch it is in, within TOLERANCE_P_FAKE."""

    def __init__(self, network: Network, contract: Preprocessing, device: str = "auto", dtype: str = "auto", batch_size: int = 16) -> None:
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        self.batch_size = batch_size
        self._contract = contract
        self._network = fold_batch_norm(without_copies(network.eval())).requires_grad_(False).to(self.device)
        # The last sum decides: the head's `fc` keeps its full precision.
        for convolutions in (self._network.backbone, self._network.head.layer4):
            convolutions.to(dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def network(self) -> Network:
        """As it runs: folded, on its device, in its dtype."""
        return self._network

    def prepared(self, crops_rgb: NDArray[np.uint8]) -> torch.Tensor:
        """(N, S, S, 3) uint8 crops -> what `network` takes, (N, 3, S, S) on its device."""
        return torch.from_numpy(normalise(crops_rgb, self._contract)).to(self.device, self.dtype)

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, S, S, 3) uint8 crops -> (N,) uncalibrated log-odds of fake, in batches of at most `batch_size`."""
        found = [self._batch(crops_rgb[i : i + self.batch_size]) for i in range(0, len(crops_rgb), self.batch_size)]
        return np.concatenate(found) if found else np.zeros(0)

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """(N, S, S, 3) uint8 crops -> (N,) logits, the very ones of `logits`, and (N, S/16, S/16) certainty, 0 to 1, of a blend there."""
        found = [self._both(crops_rgb[i : i + self.batch_size]) for i in range(0, len(crops_rgb), self.batch_size)]
        if not found:
            cells = self._contract.input_size // STRIDE
            return np.zeros(0), np.zeros((0, cells, cells), np.float32)
        return np.concatenate([logits for logits, _ in found]), np.concatenate([maps for _, maps in found])

    def score(self, crops: Sequence[FaceCrop]) -> NDArray[np.float64]:
        """The logit of each crop, in order."""
        return self.logits(self._stacked(crops))

    def score_and_locate(self, crops: Sequence[FaceCrop]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The logit of each crop, the very one of `score`, and its (S/16, S/16) map, in order."""
        return self.logits_and_maps(self._stacked(crops))

    def _stacked(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        size = self._contract.input_size
        return np.stack([crop.crop_rgb for crop in crops]) if crops else np.zeros((0, size, size, 3), np.uint8)

    def _batch(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        with torch.inference_mode():
            return self._sound(fake_logit(self._network.head(self._features(crops_rgb))))

    def _both(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """One pass through the backbone answers both; the locator takes no part in the logits."""
        with torch.inference_mode():
            features = self._features(crops_rgb)
            logits = self._sound(fake_logit(self._network.head(features)))
            where = torch.sigmoid(self._network.locator(features.float())[:, 0])
            return logits, np.asarray(where.cpu().numpy(), np.float32)

    def _features(self, crops_rgb: NDArray[np.uint8]) -> torch.Tensor:
        features: torch.Tensor = self._network.backbone(self.prepared(crops_rgb))
        return features

    def _sound(self, logits: torch.Tensor) -> NDArray[np.float64]:
        found = np.asarray(logits.cpu().double().numpy(), np.float64)
        if not np.isfinite(found).all():
            raise DeviceError(
                f"{self.device} in {self.dtype_name}: the network gave a score that is no number; try --dtype float32 or --device cpu"
            )
        return found
