"""Narrow networks <-> wide ones that compute the same function: training and scanning run thin, what was promised is wide.

Knows weights and architectures. Does not know training loops, files or devices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from screener.model.network import Architecture

BACKBONE = "backbone."
"""Beginning of the backbone's names in `Network.state_dict()`; head and locator, which read its answer, have the others."""


@dataclass(frozen=True)
class Widening:
    """How often each channel is repeated: of the stem, of the bottlenecks' inner channels, and of what the layers put out."""

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
        """Every channel as often."""
        return cls(times, times, times)

    @classmethod
    def between(cls, narrow: Architecture, wide: Architecture) -> Widening:
        """From one network to another of the same depth. Raises ValueError when a width of `wide` is no multiple of that of `narrow`."""
        factors = {}
        for part in ("stem", "inner", "outer"):
            few, many = (getattr(shape, f"{part}_width") for shape in (narrow, wide))
            if many % few or narrow.blocks != wide.blocks:
                raise ValueError(f"{part}_width: {many} is no multiple of {few}, or the networks differ in depth")
            factors[part] = many // few
        return cls(**factors)

    def narrowed(self, wide: Architecture) -> Architecture:
        """The network that widens into `wide`, under the same name. Raises ValueError when a width of `wide` is no multiple."""
        widths = {}
        for part in ("stem", "inner", "outer"):
            many, times = getattr(wide, f"{part}_width"), getattr(self, part)
            if many % times:
                raise ValueError(f"{part}: {many} channels cannot be {times} times fewer")
            widths[f"{part}_width"] = many // times
        return replace(wide, **widths)

    def of(self, name: str) -> tuple[int, int]:
        """Factors of a tensor's first and second dimension, by its name in the network."""
        written, read = _channels(name)
        return getattr(self, written, 1), getattr(self, read, 1)


@dataclass(frozen=True)
class Copies:
    """How often each distinct channel stands in a network.

    backbone: up to `layer3`. head: in head and locator, for a head that was trained later has channels of its own; they read each of the
    features `head.outer` times, which must divide `backbone.outer`. A head has no stem.
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
        """Of a network that was widened as a whole."""
        return cls(by, replace(by, stem=1))

    def narrowed(self, wide: Architecture) -> tuple[Architecture, Architecture]:
        """The shapes of backbone and head with each distinct channel once, for `Network`. Raises ValueError when a width is no multiple."""
        return self.backbone.narrowed(wide), self.head.narrowed(wide)

    def of(self, name: str) -> tuple[int, int]:
        """Factors of a tensor's first and second dimension, by its name in the network."""
        return (self.backbone if name.startswith(BACKBONE) else self.head).of(name)


NO_COPIES = Copies()
"""Every channel is one of its own."""


def _channels(name: str) -> tuple[str, str]:
    """Which channels a tensor writes and which it reads: stem, inner, outer, or others, which are never repeated."""
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


def widen(
    state: Mapping[str, Tensor], by: Widening | Copies, noise: float = 0.0, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Weights of a narrow network -> weights of a wider one that computes the same function.

    Every channel is repeated and every layer that reads the copies divided (Chen, Goodfellow and Shlens 2016, Net2Net, arXiv:1511.05641).
    `noise` (a share of each tensor's standard deviation) lets the copies part when training goes on; 0 keeps the function exact.
    """
    wide: dict[str, Tensor] = {}
    for name, tensor in state.items():
        written, read = by.of(name)
        tensor = repeated(tensor, written, read)
        if noise and tensor.dim() == 4 and written * read > 1 and not name.startswith("locator."):
            tensor = tensor + noise * tensor.std() * torch.randn(tensor.shape, generator=generator)
        wide[name] = tensor.clone()
    return wide


def repeated(tensor: Tensor, written: int, read: int) -> Tensor:
    """A tensor with each channel that it writes so often, and each that it reads so often and divided; itself where both are 1."""
    if tensor.dim() and written > 1:
        tensor = tensor.repeat_interleave(written, 0)
    if tensor.dim() > 1 and read > 1:
        tensor = tensor.repeat_interleave(read, 1) / read
    return tensor


def narrow(state: Mapping[str, Tensor], by: Widening | Copies) -> dict[str, Tensor]:
    """The inverse of `widen` with `noise=0`, so that training can go on with the narrow network; of parted copies it takes the mean."""
    thin: dict[str, Tensor] = {}
    for name, tensor in state.items():
        written, read = by.of(name)
        if tensor.dim() and written > 1:
            tensor = tensor.reshape(-1, written, *tensor.shape[1:]).float().mean(1).to(tensor.dtype)
        if tensor.dim() > 1:
            tensor = tensor.reshape(tensor.shape[0], -1, read, *tensor.shape[2:]).sum(2)
        thin[name] = tensor.clone()
    return thin


def each_once(state: Mapping[str, Tensor], architecture: Architecture) -> tuple[Copies, dict[str, Tensor]]:
    """Weights of a whole network -> how often each channel stands in it, and the weights of the distinct ones alone.

    Only powers of two are looked for: dividing by them loses nothing, so that `widen` gives back every bit.
    """
    backbone = {name: tensor for name, tensor in state.items() if name.startswith(BACKBONE)}
    head = {name: tensor for name, tensor in state.items() if name not in backbone}
    of_backbone, of_head = _copies_in(backbone, architecture), _copies_in(head, architecture)
    copies = Copies(of_backbone, replace(of_head, outer=math.gcd(of_head.outer, of_backbone.outer)))
    return copies, {name: _first_copies(tensor, *copies.of(name)) for name, tensor in state.items()}


def _copies_in(tensors: Mapping[str, Tensor], architecture: Architecture) -> Widening:
    """The largest factors for which these are what `widen` makes of thinner ones without noise."""
    found = {}
    for part in ("stem", "inner", "outer"):
        width = getattr(architecture, f"{part}_width")
        sides = [(t, i) for name, t in tensors.items() for i, channels in enumerate(_channels(name)[: t.dim()]) if channels == part]
        # What tells most networks apart is small: the large tensors are looked at only where those agree.
        sides.sort(key=lambda side: side[0].numel())
        powers = [2**exponent for exponent in range(width.bit_length() - 1, 0, -1) if width % 2**exponent == 0]
        found[part] = next((times for times in powers if sides and all(_repeats(t, i, times) for t, i in sides)), 1)
    return Widening(**found)


def _repeats(tensor: Tensor, dimension: int, times: int) -> bool:
    grouped = tensor.unflatten(dimension, (-1, times))  # type: ignore[no-untyped-call]
    return torch.equal(grouped, grouped.narrow(dimension + 1, 0, 1).expand_as(grouped))


def _first_copies(tensor: Tensor, written: int, read: int) -> Tensor:
    """What `narrow` makes of a tensor whose copies are exact, without adding them up; in memory of its own where there are any."""
    if tensor.dim() and written > 1:
        tensor = tensor[::written]
    if tensor.dim() > 1 and read > 1:
        tensor = tensor[:, ::read] * read
    return tensor.contiguous()
