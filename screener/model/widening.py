"""Narrow networks <-> wide ones that compute the same function: training starts thin, scanning computes each copied channel once.

Knows weights and architectures. Does not know training loops, files or devices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from screener.model.network import Architecture, Network


@dataclass(frozen=True)
class Widening:
    """How often each channel is repeated: of the stem, of the bottlenecks' inner channels, and of what the layers put out."""

    stem: int = 1
    inner: int = 1
    outer: int = 1

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

    def of(self, name: str) -> tuple[int, int]:
        """Factors of a tensor's first and second dimension, by its name in the network."""
        written, read = _channels(name)
        return getattr(self, written, 1), getattr(self, read, 1)


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


def widen(state: dict[str, Tensor], by: Widening, noise: float = 0.0, generator: torch.Generator | None = None) -> dict[str, Tensor]:
    """Weights of a narrow network -> weights of a wider one that computes the same function.

    Every channel is repeated and every layer that reads the copies divided (Chen, Goodfellow and Shlens 2016, Net2Net, arXiv:1511.05641).
    `noise` (a share of each tensor's standard deviation) lets the copies part when training goes on; 0 keeps the function exact.
    """
    wide: dict[str, Tensor] = {}
    for name, tensor in state.items():
        written, read = by.of(name)
        if tensor.dim():
            tensor = tensor.repeat_interleave(written, 0)
        if tensor.dim() > 1:
            tensor = tensor.repeat_interleave(read, 1) / read
        if noise and tensor.dim() == 4 and written * read > 1 and not name.startswith("locator."):
            tensor = tensor + noise * tensor.std() * torch.randn(tensor.shape, generator=generator)
        wide[name] = tensor.clone()
    return wide


def narrow(state: dict[str, Tensor], by: Widening) -> dict[str, Tensor]:
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
    if times == 1 or wide.inner_width % times or wide.stem_width % times:
        return network
    thin = Architecture(wide.name, wide.blocks, *(width // times for width in (wide.inner_width, wide.outer_width, wide.stem_width)))
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
