"""Converts between narrow networks and wide ones that compute the same function: training and scanning use the narrow ones, checkpoints and
features describe the wide ones.

Knows weights and architectures. Does not know training loops, files or devices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from screener.model.architecture import Architecture
from screener.model.copies import BACKBONE, Copies, Widening, channels_of


def widen(
    state: Mapping[str, Tensor], by: Widening | Copies, noise: float = 0.0, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Weights of a narrow network -> weights of a wider one that computes the same function.

    Every channel is repeated, and the weights of every layer that reads the copies are divided by their number (Chen, Goodfellow and Shlens
    2016, Net2Net, arXiv:1511.05641). `noise` (a share of each tensor's standard deviation) lets the copies diverge in further training; 0
    keeps the function exact.
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
    """A tensor with its output channels repeated `written` times, and its input channels repeated `read` times and divided; the tensor
    itself if both are 1.
    """
    if tensor.dim() and written > 1:
        tensor = tensor.repeat_interleave(written, 0)
    if tensor.dim() > 1 and read > 1:
        tensor = tensor.repeat_interleave(read, 1) / read
    return tensor


def narrow(state: Mapping[str, Tensor], by: Widening | Copies) -> dict[str, Tensor]:
    """The inverse of `widen` with `noise=0`, for training the narrow network further; copies that differ are averaged."""
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
    """Weights of a whole network -> how often each channel occurs in it, and the weights of the distinct channels alone.

    Only powers of two are considered: division by them is exact, so that `widen` restores every bit.
    """
    backbone = {name: tensor for name, tensor in state.items() if name.startswith(BACKBONE)}
    head = {name: tensor for name, tensor in state.items() if name not in backbone}
    of_backbone, of_head = _copies_in(backbone, architecture), _copies_in(head, architecture)
    copies = Copies(of_backbone, replace(of_head, outer=math.gcd(of_head.outer, of_backbone.outer)))
    return copies, {name: _first_copies(tensor, *copies.of(name)) for name, tensor in state.items()}


def _copies_in(tensors: Mapping[str, Tensor], architecture: Architecture) -> Widening:
    """The largest factors for which these tensors are the exact result of `widen`."""
    found = {}
    for part in ("stem", "inner", "outer"):
        width = getattr(architecture, f"{part}_width")
        sides = [(t, i) for name, t in tensors.items() for i, channels in enumerate(channels_of(name)[: t.dim()]) if channels == part]
        # Most networks already differ in small tensors; large ones are compared only if the small ones agree.
        sides.sort(key=lambda side: side[0].numel())
        powers = [2**exponent for exponent in range(width.bit_length() - 1, 0, -1) if width % 2**exponent == 0]
        found[part] = next((times for times in powers if sides and all(_repeats(t, i, times) for t, i in sides)), 1)
    return Widening(**found)


def _repeats(tensor: Tensor, dimension: int, times: int) -> bool:
    grouped = tensor.unflatten(dimension, (-1, times))  # type: ignore[no-untyped-call]
    return torch.equal(grouped, grouped.narrow(dimension + 1, 0, 1).expand_as(grouped))


def _first_copies(tensor: Tensor, written: int, read: int) -> Tensor:
    """Like `narrow` for exact copies, without summing; a tensor in memory of its own if it had copies."""
    if tensor.dim() and written > 1:
        tensor = tensor[::written]
    if tensor.dim() > 1 and read > 1:
        tensor = tensor[:, ::read] * read
    return tensor.contiguous()
