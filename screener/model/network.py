"""Wide ResNet50-2 split at `layer3`: a backbone, and the head that answers real or fake.

Knows tensors and layers. Does not know files, devices, checkpoints or pictures: `checkpoint` fills the weights in, `scoring` places the
network on a device, `preprocessing` makes its input.

Source of the network: Zagoruyko and Komodakis 2016, arXiv:1605.07146, as built by torchvision (`wide_resnet50_2`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CLASS_NAMES = ("real", "fake")
"""Order of the two logits: fake is 1, everywhere."""

STRIDE = 16
"""Pixels of the input behind one cell of the `layer3` features."""


@dataclass(frozen=True)
class Architecture:
    """The shape of a network; enough to build it empty.

    name: what people call it.
    blocks: bottlenecks in layer1 .. layer4.
    inner_width: inner channels of layer1's bottlenecks, doubled from layer to layer.
    outer_width: channels of the stem; the layers put out 4, 8, 16 and 32 times as many.

    128 and 64 are Wide ResNet50-2; both divided alike give a thin copy, for tests and for the early part of training.
    """

    name: str = "wide_resnet50_2"
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    inner_width: int = 128
    outer_width: int = 64

    def __post_init__(self) -> None:
        if len(self.blocks) != 4 or min(self.blocks) < 1:
            raise ValueError(f"blocks: expected four counts of at least 1, got {self.blocks!r}")
        for name, width in (("inner_width", self.inner_width), ("outer_width", self.outer_width)):
            if not 1 <= width <= 512:
                raise ValueError(f"{name}: expected 1 to 512, got {width!r}")
        if 64 * self.inner_width % self.outer_width:
            raise ValueError(f"inner_width: expected a multiple of outer_width / 64 = {self.outer_width / 64:g}, got {self.inner_width}")

    @property
    def feature_channels(self) -> int:
        """Channels of the `layer3` features."""
        return 16 * self.outer_width


WIDE_RESNET50_2 = Architecture()


class Bottleneck(nn.Module):
    """torchvision's block of this name, layer for layer: 1 x 1, 3 x 3 with the stride, 1 x 1, and the input on top.

    Built here because importing torchvision takes longer than scanning a short clip.
    """

    def __init__(self, incoming: int, inner: int, outgoing: int, stride: int = 1, downsample: nn.Sequential | None = None) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(incoming, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outgoing, 1, bias=False), nn.BatchNorm2d(outgoing)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        outgoing: Tensor = self.bn3(self.conv3(inner))
        outgoing += x if self.downsample is None else self.downsample(x)
        activated: Tensor = self.relu(outgoing)
        return activated


def _layer(architecture: Architecture, number: int) -> nn.Sequential:
    """layer1 .. layer4 with torchvision's names and strides."""
    outgoing = 4 * architecture.outer_width * 2 ** (number - 1)
    inner = architecture.inner_width * 2 ** (number - 1)
    incoming = architecture.outer_width if number == 1 else outgoing // 2
    stride = 1 if number == 1 else 2
    shortcut = nn.Sequential(nn.Conv2d(incoming, outgoing, 1, stride, bias=False), nn.BatchNorm2d(outgoing))
    rest = [Bottleneck(outgoing, inner, outgoing) for _ in range(architecture.blocks[number - 1] - 1)]
    return nn.Sequential(Bottleneck(incoming, inner, outgoing, stride, shortcut), *rest)


class Backbone(nn.Module):
    """Stem to `layer3`: (N, 3, H, W) float -> (N, 1024, H/16, W/16).

    copies: how often each channel of the answer is repeated, see `without_copies`.
    """

    copies: int = 1

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, architecture.outer_width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(architecture.outer_width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2, self.layer3 = (_layer(architecture, n) for n in (1, 2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        features: Tensor = self.layer3(self.layer2(self.layer1(x)))
        return features if self.copies == 1 else features.repeat_interleave(self.copies, 1)


class Head(nn.Module):
    """`layer4`, average pool, dropout, linear: (N, 1024, h, w) -> (N, 2) logits in the order of `CLASS_NAMES`."""

    def __init__(self, architecture: Architecture, dropout: float) -> None:
        super().__init__()
        self.layer4 = _layer(architecture, 4)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(32 * architecture.outer_width, len(CLASS_NAMES))

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.dropout(self.pooled(features)))
        return logits

    def pooled(self, features: Tensor) -> Tensor:
        """(N, 1024, h, w) -> (N, 2048): what the linear layer sees, in float32."""
        pooled: Tensor = self.layer4(features).float().mean((2, 3))
        return pooled


class Network(nn.Module):
    """Backbone and head, and the `locator`: a 1 x 1 convolution on `layer3` that learns where a face was blended.

    The locator speeds training up (its target is known for self-blended fakes) and is never part of the score.
    """

    def __init__(self, architecture: Architecture = WIDE_RESNET50_2, dropout: float = 0.5) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone = Backbone(architecture)
        self.head = Head(architecture, dropout)
        self.locator = nn.Conv2d(architecture.feature_channels, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) normalised pictures -> (N, 2) logits."""
        logits: Tensor = self.head(self.backbone(pictures))
        return logits

    def forward_with_map(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) -> logits (N, 2) and blend-map logits (N, H/16, W/16)."""
        features = self.backbone(pictures)
        return self.head(features), self.locator(features)[:, 0]

    def initialise(self, generator: torch.Generator | None = None) -> Network:
        """Random weights for training from scratch: He et al. 2015 for convolutions, and every residual branch silent at first.

        Source of the silent branches: Goyal et al. 2017, arXiv:1706.02677, section 5.1.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            elif isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)
        nn.init.normal_(self.head.fc.weight, std=0.01, generator=generator)
        nn.init.normal_(self.locator.weight, std=0.01, generator=generator)
        for bias in (self.head.fc.bias, self.locator.bias):
            if bias is not None:
                nn.init.zeros_(bias)
        return self


def fake_logit(logits: Tensor) -> Tensor:
    """The one number per crop that everything downstream uses: log-odds of fake, (N, 2) -> (N,)."""
    return logits[:, 1] - logits[:, 0]


def widen(state: dict[str, Tensor], times: int, noise: float, generator: torch.Generator | None = None) -> dict[str, Tensor]:
    """Weights of a thin network -> weights of one with `times` both widths that computes the same function.

    Every channel is repeated and every layer that reads the copies divided (Chen, Goodfellow and Shlens 2016, Net2Net, arXiv:1511.05641).
    `noise` (a share of each tensor's standard deviation) lets the copies part when training goes on; 0 keeps the function exact.
    """
    wide: dict[str, Tensor] = {}
    for name, tensor in state.items():
        is_answer = name.startswith(("head.fc.", "locator."))
        if tensor.dim() and not is_answer:
            tensor = tensor.repeat_interleave(times, 0)
        if tensor.dim() > 1 and name != "backbone.conv1.weight":
            tensor = tensor.repeat_interleave(times, 1) / times
        if noise and tensor.dim() == 4 and not is_answer:
            tensor = tensor + noise * tensor.std() * torch.randn(tensor.shape, generator=generator)
        wide[name] = tensor.clone()
    return wide


def narrow(state: dict[str, Tensor], times: int) -> dict[str, Tensor]:
    """The inverse of `widen` with `noise=0`, so that training can go on with the thin network; of parted copies it takes the mean."""
    thin: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if tensor.dim() and not name.startswith(("head.fc.", "locator.")):
            tensor = tensor.reshape(-1, times, *tensor.shape[1:]).float().mean(1).to(tensor.dtype)
        if tensor.dim() > 1 and name != "backbone.conv1.weight":
            tensor = tensor.reshape(tensor.shape[0], -1, times, *tensor.shape[2:]).sum(2)
        thin[name] = tensor.clone()
    return thin


def copies_in(state: dict[str, Tensor], prefix: str, outer_width: int) -> int:
    """The largest `times` for which the weights under `prefix` are what `widen` makes of thinner ones without noise; 1 if none."""
    tensors = [(name, tensor) for name, tensor in state.items() if name.startswith(prefix) and tensor.dim()]
    divisors = [times for times in range(outer_width, 1, -1) if outer_width % times == 0]
    return next((times for times in divisors if tensors and all(_is_copied(name, tensor, times) for name, tensor in tensors)), 1)


def _is_copied(name: str, tensor: Tensor, times: int) -> bool:
    dimensions = [] if name.startswith(("head.fc.", "locator.")) else [0]
    if tensor.dim() > 1 and name != "backbone.conv1.weight":
        dimensions.append(1)
    for dimension in dimensions:
        if tensor.shape[dimension] % times:
            return False
        grouped = tensor.unflatten(dimension, (-1, times))  # type: ignore[no-untyped-call]
        if not torch.equal(grouped, grouped.narrow(dimension + 1, 0, 1).expand_as(grouped)):
            return False
    return True


def without_copies(network: Network, *, same_features: bool = False) -> Network:
    """A network that answers as this one does, but computes channels that are exact copies of each other once.

    A network that was widened for the last time after its training (see `widen`) is all copies; under a head that was trained later, only
    its backbone is. Weights without copies come back as they are. Sums are taken in another order, so answers move by rounding.
    same_features: the backbone's answer keeps all its channels, for whoever wants the features and not the logits.
    """
    wide = network.architecture
    state = network.state_dict()
    times = copies_in(state, "backbone.", wide.outer_width)
    if times == 1 or wide.inner_width % times:
        return network
    thin = Architecture(wide.name, wide.blocks, wide.inner_width // times, wide.outer_width // times)
    with torch.device("meta"):  # no memory and no random numbers for weights that are put in at once
        compact = Network(thin, network.head.dropout.p)
    if not same_features and all(
        _is_copied(name, tensor, times) for name, tensor in state.items() if not name.startswith("backbone.") and tensor.dim()
    ):
        compact.load_state_dict({name: _first_copies(name, tensor, times) for name, tensor in state.items()}, assign=True)
    else:
        of_backbone = {name: tensor for name, tensor in state.items() if name.startswith("backbone.")}
        compact.backbone.load_state_dict(
            {name.removeprefix("backbone."): _first_copies(name, tensor, times) for name, tensor in of_backbone.items()}, assign=True
        )
        compact.backbone.copies = times
        compact.head, compact.locator = network.head, network.locator
    return compact.requires_grad_(False).eval()


def _first_copies(name: str, tensor: Tensor, times: int) -> Tensor:
    """What `narrow` makes of a tensor whose copies are known to be exact, without adding them up; in memory of its own."""
    is_answer = name.startswith(("head.fc.", "locator."))
    if tensor.dim() > 1 and name != "backbone.conv1.weight":
        tensor = tensor[:, ::times] * times if is_answer else tensor[::times, ::times] * times
    elif tensor.dim() and not is_answer:
        tensor = tensor[::times]
    return tensor.clone(memory_format=torch.contiguous_format)
