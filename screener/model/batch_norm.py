"""Batch norms that take over the statistics of pictures, while the network goes on computing what it computed.

Knows networks and tensors. Does not know where pictures come from.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def adopt_statistics(network: nn.Module, pictures: Tensor) -> None:
    """Give every batch norm the mean and variance that its input has over these pictures, in place, the function unchanged.

    For weights that come with batch norm folded into one scale and shift: training on from there starts with statistics that would
    otherwise jump at the first step, and averages of weights and of statistics would belong to different functions. A channel that is the
    same everywhere keeps a scale near zero, and so its value.

    network: in `eval()` or not, it is run once in `eval()` and put back. pictures: (N, 3, H, W) as the network takes them, all at once, so
    that the statistics are over all of them.
    """

    def adopt(norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        """After a batch norm: new statistics, and scale and shift that undo what they change."""
        assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
        channels = inputs[0].transpose(0, 1).flatten(1).double()
        mean, variance = channels.mean(1), channels.var(1, unbiased=False)
        gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() + gain * (mean - norm.running_mean.double())
        for tensor, value in (
            (norm.weight, gain * (variance + norm.eps).sqrt()),
            (norm.bias, shift),
            (norm.running_mean, mean),
            (norm.running_var, variance),
        ):
            tensor.copy_(value)
        # From the exact values, so that rounding does not add up from layer to layer.
        exact = gain[:, None] * (channels - mean[:, None]) + shift[:, None]
        count, channels_each, height, width = inputs[0].shape
        answer: Tensor = exact.float().reshape(channels_each, count, height, width).transpose(0, 1).contiguous()
        return answer

    modes, hooks = {module: module.training for module in network.modules()}, _hooked(network, adopt)
    try:
        with torch.no_grad():
            network.eval()(pictures)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode


def _hooked(network: nn.Module, hook: Any) -> list[Any]:
    return [module.register_forward_hook(hook) for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
