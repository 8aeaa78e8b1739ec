"""Wide ResNet50-2 split at `layer3` into a backbone and a head that classifies real and fake.

Knows tensors and layers. Does not know files, devices, checkpoints or pictures: `checkpoint` loads the weights, `scoring` moves the network
to a device, `preprocessing` makes its input.

Source of the network: Zagoruyko and Komodakis 2016, arXiv:1605.07146, as built by torchvision (`wide_resnet50_2`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from screener.model.architecture import CLASS_NAMES, WIDE_RESNET50_2, Architecture, layer_stride, layer_widths


class Bottleneck(nn.Module):
    """torchvision's block of this name, layer for layer: 1 x 1, 3 x 3 with the stride, 1 x 1, plus the input.

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
        """(N, incoming, h, w) -> (N, outgoing, h, w), h and w divided by the stride."""
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        outgoing: Tensor = self.bn3(self.conv3(inner))
        outgoing += x if self.downsample is None else self.downsample(x)
        activated: Tensor = self.relu(outgoing)
        return activated


def _layer(architecture: Architecture, number: int) -> nn.Sequential:
    """layer1 .. layer4 with torchvision's names and strides."""
    incoming, inner, outgoing = layer_widths(architecture, number)
    stride = layer_stride(number)
    shortcut = nn.Sequential(nn.Conv2d(incoming, outgoing, 1, stride, bias=False), nn.BatchNorm2d(outgoing))
    rest = [Bottleneck(outgoing, inner, outgoing) for _ in range(architecture.blocks[number - 1] - 1)]
    return nn.Sequential(Bottleneck(incoming, inner, outgoing, stride, shortcut), *rest)


class Backbone(nn.Module):
    """Stem to `layer3`: (N, 3, H, W) float -> (N, 1024, H/16, W/16).

    copies: how often each output channel is repeated, to give the features of the wider network that this one stands for.
    """

    def __init__(self, architecture: Architecture, copies: int = 1) -> None:
        super().__init__()
        self.copies = copies
        self.conv1 = nn.Conv2d(3, architecture.stem_width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(architecture.stem_width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2, self.layer3 = (_layer(architecture, n) for n in (1, 2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) normalised pictures -> (N, 1024, H/16, W/16) `layer3` features."""
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
        """(N, 1024, h, w) features -> (N, 2) logits."""
        logits: Tensor = self.fc(self.dropout(self.pooled(features)))
        return logits

    def pooled(self, features: Tensor) -> Tensor:
        """(N, 1024, h, w) -> (N, 2048) float32: the input of the linear layer."""
        pooled: Tensor = self.layer4(features).float().mean((2, 3))
        return pooled


class Network(nn.Module):
    """Backbone and head, and the `locator`: a 1 x 1 convolution on `layer3` that learns where a face was blended.

    The locator speeds up training (its target is known for self-blended fakes) and is never part of the score.
    """

    def __init__(self, architecture: Architecture = WIDE_RESNET50_2, dropout: float = 0.5, head: Architecture | None = None) -> None:
        """head: architecture of head and locator if it differs from the backbone's, whose output channels are then repeated to fit.

        Raises ValueError if the head's input channels are not a multiple of the backbone's output channels.
        """
        super().__init__()
        self.architecture, self.head_architecture = architecture, head or architecture
        reads, answered = self.head_architecture.feature_channels, architecture.feature_channels
        if reads % answered:
            raise ValueError(f"head: it reads {reads} channels, no multiple of the {answered} that the backbone answers")
        self.backbone = Backbone(architecture, reads // answered)
        self.head = Head(self.head_architecture, dropout)
        self.locator = nn.Conv2d(reads, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) normalised pictures -> (N, 2) logits."""
        logits: Tensor = self.head(self.backbone(pictures))
        return logits

    def forward_with_map(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) -> logits (N, 2) and blend-map logits (N, H/16, W/16)."""
        features = self.backbone(pictures)
        return self.head(features), self.locator(features)[:, 0]

    def initialise(self, generator: torch.Generator | None = None) -> Network:
        """Random weights for training from scratch: He et al. 2015 for convolutions, with every residual branch zero at first.

        Source of the zero branches: Goyal et al. 2017, arXiv:1706.02677, section 5.1.
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
    """Log-odds of fake, the one number per crop that everything downstream uses: (N, 2) -> (N,)."""
    return logits[:, 1] - logits[:, 0]
