"""Sets batch norm statistics from pictures while the network keeps computing the same function.

Knows networks and tensors. Does not know where pictures come from.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def adopt_statistics(network: nn.Module, pictures: Tensor) -> None:
    """Set mean and variance of every batch norm to those of its input over these pictures, in place, without changing the function.

    For weights whose batch norms were folded into a scale and shift. Without this, the statistics would jump at the first training step,
    and averaged weights would not match averaged statistics. A channel that is constant keeps a scale near zero, and so its value.

    network: run once in `eval()`; its mode is restored. pictures: (N, 3, H, W) network input, passed at once so that the statistics cover
    all of them.
    """

    def adopt(norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        """Forward hook of a batch norm: set new statistics, and the scale and shift that compensate for them."""
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
        # Pass on exact values, so that rounding does not accumulate from layer to layer.
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
