"""How often each channel of a network occurs: the factors between a narrow network and the wide one that computes the same function.

Knows architectures and the names of tensors. `widening` applies the factors to weights. Needs no PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from screener.model.architecture import Architecture

BACKBONE = "backbone."
"""Prefix of the backbone's names in `Network.state_dict()`; the other names belong to head and locator, which read its output."""


@dataclass(frozen=True)
class Widening:
    """How often each channel is repeated: of the stem, the bottlenecks' inner channels, and the layers' outputs."""

    stem: int = 1
    inner: int = 1
    outer: int = 1

    def __post_init__(self) -> None:
        for part in ("stem", "inner", "outer"):
            times = getattr(self, part)
            if not 1 <= times <= 512:
                raise ValueError(f"{part}: expected each channel 1 to 512 times, got {times!r}")

    @classmethod
    def of_all(cls, times: int) -> Widening:
        """The same factor for every channel."""
        return cls(times, times, times)

    @classmethod
    def between(cls, narrow: Architecture, wide: Architecture) -> Widening:
        """The factors from one network to another of the same depth. Raises ValueError if a width of `wide` is not a multiple of that of
        `narrow`.
        """
        factors = {}
        for part in ("stem", "inner", "outer"):
            few, many = (getattr(shape, f"{part}_width") for shape in (narrow, wide))
            if many % few or narrow.blocks != wide.blocks:
                raise ValueError(f"{part}_width: {many} is no multiple of {few}, or the networks differ in depth")
            factors[part] = many // few
        return cls(**factors)

    def narrowed(self, wide: Architecture) -> Architecture:
        """The network that widens into `wide`, with the same name. Raises ValueError if a width of `wide` is not a multiple."""
        widths = {}
        for part in ("stem", "inner", "outer"):
            many, times = getattr(wide, f"{part}_width"), getattr(self, part)
            if many % times:
                raise ValueError(f"{part}: {many} channels cannot be {times} times fewer")
            widths[f"{part}_width"] = many // times
        return replace(wide, **widths)

    def of(self, name: str) -> tuple[int, int]:
        """Factors of a tensor's first and second dimension, by its name in the network."""
        written, read = channels_of(name)
        return getattr(self, written, 1), getattr(self, read, 1)


@dataclass(frozen=True)
class Copies:
    """How often each distinct channel occurs in a network.

    backbone: up to `layer3`. head: in head and locator; it differs because a head that was trained later has distinct channels of its own.
    The head reads each of the features `head.outer` times, which must divide `backbone.outer`. A head has no stem.
    """

    backbone: Widening = Widening()
    head: Widening = Widening()

    def __post_init__(self) -> None:
        if self.head.stem != 1:
            raise ValueError(f"head.stem: expected 1, for a head has no stem, got {self.head.stem}")
        if self.backbone.outer % self.head.outer:
            raise ValueError(f"head.outer: expected a divisor of backbone.outer, {self.backbone.outer}, got {self.head.outer}")

    @classmethod
    def of_all(cls, by: Widening) -> Copies:
        """For a network that was widened as a whole."""
        return cls(by, replace(by, stem=1))

    def narrowed(self, wide: Architecture) -> tuple[Architecture, Architecture]:
        """Architectures of backbone and head with each distinct channel once, for `Network`. Raises ValueError if a width is not a
        multiple.
        """
        return self.backbone.narrowed(wide), self.head.narrowed(wide)

    def of(self, name: str) -> tuple[int, int]:
        """Factors of a tensor's first and second dimension, by its name in the network."""
        return (self.backbone if name.startswith(BACKBONE) else self.head).of(name)


NO_COPIES = Copies()
"""All channels are distinct."""


def channels_of(name: str) -> tuple[str, str]:
    """Which channels a tensor outputs and which it reads: stem, inner, outer, or others, which are never repeated."""
    if name.startswith(("head.fc.", "locator.")):
        return "answer", "outer"
    if name.startswith(("backbone.conv1.", "backbone.bn1.")):
        return "stem", "picture"
    before = "stem" if ".layer1.0." in name else "outer"
    if ".downsample." in name:
        return "outer", before
    if ".conv3." in name or ".bn3." in name:
        return "outer", "inner"
    return "inner", "inner" if ".conv2." in name else before
