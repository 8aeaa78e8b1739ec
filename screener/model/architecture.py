"""The shape of a network: widths and depths, and from them the names and shapes of its tensors. Knows no PyTorch, which takes longer to
load than a short clip takes to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CLASS_NAMES = ("real", "fake")
"""Order of the two logits: fake is 1, everywhere."""

STRIDE = 16
"""Input pixels per cell of the `layer3` features."""


@dataclass(frozen=True)
class Architecture:
    """The shape of a network, sufficient to build it without weights.

    name: what people call it.
    blocks: number of bottlenecks in layer1 .. layer4.
    inner_width: inner channels of layer1's bottlenecks, doubled from layer to layer.
    outer_width: the layers output 4, 8, 16 and 32 times as many channels.
    stem_width: channels of the stem.

    128, 64 and 64 give Wide ResNet50-2; dividing each by its own factor gives a narrower network of the same depth.
    """

    name: str = "wide_resnet50_2"
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    inner_width: int = 128
    outer_width: int = 64
    stem_width: int = 64

    def __post_init__(self) -> None:
        if len(self.blocks) != 4 or min(self.blocks) < 1:
            raise ValueError(f"blocks: expected four counts of at least 1, got {self.blocks!r}")
        for name in ("inner_width", "outer_width", "stem_width"):
            width = getattr(self, name)
            if not 1 <= width <= 512:
                raise ValueError(f"{name}: expected 1 to 512, got {width!r}")

    @property
    def feature_channels(self) -> int:
        """Channels of the `layer3` features."""
        return 16 * self.outer_width


WIDE_RESNET50_2 = Architecture()


Shape = tuple[int, ...]


def tensor_shapes(backbone: Architecture, head: Architecture) -> dict[str, Shape]:
    """Name -> shape of every tensor of a `Network` of this backbone and head but batch norm's counters, in the order of its state."""
    shapes: dict[str, Shape] = {}
    for name, shape in _backbone(backbone):
        shapes[f"backbone.{name}"] = shape
    for name, shape in _layer("layer4", 4, head):
        shapes[f"head.{name}"] = shape
    classes = len(CLASS_NAMES)
    shapes |= {"head.fc.weight": (classes, 32 * head.outer_width), "head.fc.bias": (classes,)}
    return shapes | {"locator.weight": (1, head.feature_channels, 1, 1), "locator.bias": (1,)}


def _backbone(architecture: Architecture) -> Iterator[tuple[str, Shape]]:
    yield from _convolution("conv1", "bn1", (architecture.stem_width, 3, 7, 7))
    for number in (1, 2, 3):
        yield from _layer(f"layer{number}", number, architecture)


def _layer(name: str, number: int, architecture: Architecture) -> Iterator[tuple[str, Shape]]:
    incoming, inner, outgoing = layer_widths(architecture, number)
    for block in range(architecture.blocks[number - 1]):
        first, reads = f"{name}.{block}.", incoming if block == 0 else outgoing
        yield from _convolution(f"{first}conv1", f"{first}bn1", (inner, reads, 1, 1))
        yield from _convolution(f"{first}conv2", f"{first}bn2", (inner, inner, 3, 3))
        yield from _convolution(f"{first}conv3", f"{first}bn3", (outgoing, inner, 1, 1))
        if block == 0:
            yield from _convolution(f"{first}downsample.0", f"{first}downsample.1", (outgoing, reads, 1, 1))


def layer_widths(architecture: Architecture, number: int) -> tuple[int, int, int]:
    """Channels that layer1 .. layer4 reads, has inside its bottlenecks, and answers."""
    outgoing = 4 * architecture.outer_width * 2 ** (number - 1)
    return architecture.stem_width if number == 1 else outgoing // 2, architecture.inner_width * 2 ** (number - 1), outgoing


def layer_stride(number: int) -> int:
    """Of layer1 .. layer4."""
    return 1 if number == 1 else 2


def _convolution(convolution: str, norm: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    yield f"{convolution}.weight", shape
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{norm}.{part}", shape[:1]
