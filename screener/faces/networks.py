"""MTCNN's three networks, with their published weights.

As PyTorch runs them on a GPU, layer by layer as published. The weights file beside this module holds the tensors of facenet-pytorch 2.5.3,
with their names, unchanged, written to one safetensors file by `scripts/make_mtcnn_weights.py`. Does not know how the networks are run.

Source: Zhang et al. 2016, arXiv:1604.02878, figure 2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from screener.errors import DeviceError
from screener.faces.networks_file import WEIGHTS, broken


class PNet(nn.Module):
    """(N, 3, h, w) -> box regressions (N, 4, h', w') and class probabilities (N, 2, h', w') for every cell of 12 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (N, 3, h, w), values from -1 to 1."""
        x = _largest(self.prelu1(self.conv1(x)), 2)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_2(x), torch.softmax(self.conv4_1(x), 1)


class RNet(nn.Module):
    """(N, 3, 24, 24) -> box regressions (N, 4) and class probabilities (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (N, 3, 24, 24), values from -1 to 1."""
        x = _largest(self.prelu1(self.conv1(x)), 3)
        x = _largest(self.prelu2(self.conv2(x)), 3)
        x = self.prelu4(self.dense4(_flat(self.prelu3(self.conv3(x)))))
        return self.dense5_2(x), torch.softmax(self.dense5_1(x), 1)


class ONet(nn.Module):
    """(N, 3, 48, 48) -> box regressions (N, 4), landmarks (N, 10) as five x and five y, and class probabilities (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: (N, 3, 48, 48), values from -1 to 1."""
        x = _largest(self.prelu1(self.conv1(x)), 3)
        x = _largest(self.prelu2(self.conv2(x)), 3)
        x = _largest(self.prelu3(self.conv3(x)), 2)
        x = self.prelu5(self.dense5(_flat(self.prelu4(self.conv4(x)))))
        return self.dense6_2(x), self.dense6_3(x), torch.softmax(self.dense6_1(x), 1)


NETWORKS: dict[str, type[nn.Module]] = {"pnet": PNet, "rnet": RNet, "onet": ONet}
"""In the order in which they run; the keys are the prefixes of their tensors' names."""


def load_networks(device: torch.device | str) -> tuple[nn.Module, nn.Module, nn.Module]:
    """PNet, RNet and ONet with their published weights, frozen, in eval mode, on `device`.

    Raises DeviceError if the weights file is missing or broken.
    """
    try:
        tensors = load_file(WEIGHTS)
        networks = [_filled(network(), name, tensors) for name, network in NETWORKS.items()]
    except (OSError, RuntimeError, SafetensorError) as error:
        raise DeviceError(broken(error)) from error
    pnet, rnet, onet = (network.to(device) for network in networks)
    return pnet, rnet, onet


def _filled(network: nn.Module, name: str, tensors: dict[str, Tensor]) -> nn.Module:
    network.load_state_dict({key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")})
    return network.eval().requires_grad_(False)


def _largest(x: Tensor, side: int) -> Tensor:
    """Max pooling with stride 2; the last window may reach past the edge."""
    return F.max_pool2d(x, side, 2, ceil_mode=True)


def _flat(x: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, w h C): the weights come from a framework that stores columns before rows."""
    return x.permute(0, 3, 2, 1).flatten(1)
