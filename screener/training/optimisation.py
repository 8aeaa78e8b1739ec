"""The parts of a training step that are formulas: optimisers, schedules, penalty, loss, mixing, averaging.

Knows tensors and `TrainSettings`. Does not know the network, the data or the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from screener.settings import TrainSettings

Groups = list[dict[str, object]]


def _all_alike(parameters: list[nn.Parameter], weight_decay: float) -> Groups:
    return [{"params": parameters, "weight_decay": weight_decay}]


def _without_scales(parameters: list[nn.Parameter], weight_decay: float) -> Groups:
    """No decay for biases and batch norm's scales: shrinking them limits the function without smoothing it."""
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]


def _adam(parameters: list[nn.Parameter], settings: TrainSettings, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.Adam(_all_alike(parameters, settings.weight_decay), lr=settings.learning_rate, fused=fused)


def _adamw(parameters: list[nn.Parameter], settings: TrainSettings, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.AdamW(_without_scales(parameters, settings.weight_decay), lr=settings.learning_rate, fused=fused)


def _sgd(parameters: list[nn.Parameter], settings: TrainSettings, fused: bool) -> torch.optim.Optimizer:
    groups = _without_scales(parameters, settings.weight_decay)
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=0.9, nesterov=True, fused=fused)


OPTIMISERS: dict[str, Callable[[list[nn.Parameter], TrainSettings, bool], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "sgd": _sgd,
}
"""Kingma and Ba 2015, arXiv:1412.6980, with weight decay in the gradient; Loshchilov and Hutter 2019, arXiv:1711.05101; Nesterov 1983."""

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
}
"""Finished share of the training, 0 to 1 -> share of the peak learning rate (cosine: Loshchilov and Hutter 2017, arXiv:1608.03983)."""


def new_optimiser(parameters: Iterable[nn.Parameter], settings: TrainSettings, device: torch.device) -> torch.optim.Optimizer:
    """The optimiser that the settings name; fused into one pass over the weights if PyTorch supports that."""
    return OPTIMISERS[settings.optimiser](list(parameters), settings, device.type in ("cpu", "cuda"))


def learning_rate(settings: TrainSettings, step: int, steps_per_epoch: int) -> float:
    """Learning rate of step `step`, counted from 0 over the whole training: a linear rise, then the schedule over the rest."""
    rise = settings.warm_up_epochs * steps_per_epoch
    if step < rise:
        return settings.learning_rate * (step + 1) / (math.ceil(rise) + 1)
    remaining = max(1.0, settings.epochs * steps_per_epoch - rise)
    return settings.learning_rate * SCHEDULES[settings.schedule](min(1.0, (step - rise) / remaining))


def l1_term(parameters: Iterable[nn.Parameter], factor: float) -> float:
    """factor x sum of |w|: what the penalty adds to the loss (Tibshirani 1996).

    Over all 42 million weights of Wide ResNet50-2's head, 0.001 makes it 520 at the start, beside a cross entropy of 0.7, and its gradient
    on a convolution's weight is tens to thousands of times that of the cross entropy. After sixty steps of Adam at 1e-3, with its decay of
    0.1 pulling the same way, 97 % of the weights were below 0.001: batch norm compensates for the scale and the head still learns, but
    little remains of the original layer4. Over the linear layer alone it is a twentieth of the gradient there: a mild regulariser.
    """
    return factor * sum(float(p.detach().abs().sum(dtype=torch.float64)) for p in parameters)


def add_l1_gradient(parameters: Iterable[nn.Parameter], factor: float) -> None:
    """Add the gradient of `l1_term`, factor x sign(w), after a backward pass; cheaper than a graph over all weights."""
    for p in parameters:
        if p.grad is not None:
            p.grad.add_(p.detach().sign(), alpha=factor)


def class_weights(labels: NDArray[np.int64], balanced: bool, device: torch.device) -> Tensor | None:
    """(2,) weights such that both classes count the same and the mean over rows is 1; None if not requested."""
    if not balanced:
        return None
    counts = np.bincount(labels, minlength=2)
    return torch.from_numpy(len(labels) / (2 * counts)).float().to(device)


def row_losses(logits: Tensor, targets: Tensor, weights: Tensor | None, label_smoothing: float) -> Tensor:
    """Cross entropy of (n, 2) logits against (n, 2) target shares -> (n,), in float32."""
    return F.cross_entropy(logits.float(), targets, weights, reduction="none", label_smoothing=label_smoothing)


def mix(features: Tensor, targets: Tensor, alpha: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mix every row with a random other one, in shares from Beta(alpha, alpha), targets likewise.

    Mixup (Zhang et al. 2018, arXiv:1710.09412) on features instead of pictures (Verma et al. 2019, arXiv:1806.05236).
    """
    share = float(rng.beta(alpha, alpha))
    partners = torch.from_numpy(rng.permutation(len(features))).to(features.device)
    return features.lerp(features[partners], 1 - share), targets.lerp(targets[partners], 1 - share)


def update_average(average: nn.Module, current: nn.Module, decay: float, updates: int) -> None:
    """Move the running average of weights and batch norm statistics towards the present ones (Polyak and Juditsky 1992).

    updates: number made so far. Early on the decay is (1 + updates) / (10 + updates), so that the first weights are soon forgotten.
    """
    share = 1 - min(decay, (1 + updates) / (10 + updates))
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), current.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, share)
            else:
                kept.copy_(new)
