"""MTCNN's three networks, with the weights that ship inside facenet-pytorch.

Layer by layer as published and as facenet-pytorch names them, so that its files load unchanged. They are built here, and only its files are
read, because importing that package, and torchvision with it, takes longer than scanning a short clip. Does not know how they are run.

Source: Zhang et al. 2016, arXiv:1604.02878, figure 2.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from screener.errors import DeviceError
from screener.faces.pooling import largest_of_windows


class Proposing(nn.Module):
    """(N, 3, h, w) -> shifts (N, 4, h', w') and certainties (N, 2, h', w') for every cell of 12 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = largest_of_windows(self.prelu1(self.conv1(x)), 2)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_2(x), torch.softmax(self.conv4_1(x), 1)


class Refining(nn.Module):
    """(N, 3, 24, 24) -> shifts (N, 4) and certainties (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = largest_of_windows(self.prelu1(self.conv1(x)), 3)
        x = largest_of_windows(self.prelu2(self.conv2(x)), 3)
        x = self.prelu4(self.dense4(_flat(self.prelu3(self.conv3(x)))))
        return self.dense5_2(x), torch.softmax(self.dense5_1(x), 1)


class Settling(nn.Module):
    """(N, 3, 48, 48) -> shifts (N, 4), landmarks (N, 10), five x before five y, and certainties (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = largest_of_windows(self.prelu1(self.conv1(x)), 3)
        x = largest_of_windows(self.prelu2(self.conv2(x)), 3)
        x = largest_of_windows(self.prelu3(self.conv3(x)), 2)
        x = self.prelu5(self.dense5(_flat(self.prelu4(self.conv4(x)))))
        return self.dense6_2(x), self.dense6_3(x), torch.softmax(self.dense6_1(x), 1)


def load_networks(device: torch.device | str) -> tuple[Proposing, Refining, Settling]:
    """The three with their published weights, ready to run. Raises DeviceError where facenet-pytorch is not installed whole."""
    folder = _weights_folder()
    return tuple(  # type: ignore[return-value]
        _loaded(network, folder / name).to(device)
        for network, name in ((Proposing(), "pnet.pt"), (Refining(), "rnet.pt"), (Settling(), "onet.pt"))
    )


def _weights_folder() -> Path:
    found = importlib.util.find_spec("facenet_pytorch")  # finds the package without importing it
    if found is None or not found.submodule_search_locations:
        raise DeviceError("face detector mtcnn: facenet-pytorch is not installed; pip install facenet-pytorch==2.5.3 --no-deps")
    return Path(found.submodule_search_locations[0]) / "data"


def _loaded(network: nn.Module, path: Path) -> nn.Module:
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError) as error:
        advice = "install it again: pip install --force-reinstall --no-deps facenet-pytorch==2.5.3"
        raise DeviceError(f"face detector mtcnn: {path} cannot be read ({error}); {advice}") from error
    return network.eval().requires_grad_(False)


def _flat(x: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, w h C): the weights come from a framework that keeps columns before rows."""
    return x.permute(0, 3, 2, 1).flatten(1)
