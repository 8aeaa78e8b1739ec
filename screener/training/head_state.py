"""A head in training: its starting weights, and everything that changes with each step, for saving and resuming.

Knows the head, its optimiser and its running average. Does not know data, files or the loop.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from screener.model.architecture import Architecture
from screener.model.network import Head, Network
from screener.settings import TrainSettings
from screener.training.optimisation import new_optimiser
from screener.training.updates import EpochFigures

HEAD = "head."
"""Prefix of the head's names in `Network.state_dict()`."""

State = dict[str, Tensor]


def _fresh(architecture: Architecture, generator: torch.Generator) -> State:
    return Network(architecture).initialise(generator).head.state_dict()


def _fresh_answer(architecture: Architecture, generator: torch.Generator) -> State:
    answer = Head(architecture, 0.0).fc
    nn.init.normal_(answer.weight, std=0.01, generator=generator)
    nn.init.zeros_(answer.bias)
    return {f"fc.{name}": tensor for name, tensor in answer.state_dict().items()}


STARTS: dict[str, Callable[[Architecture, torch.Generator], State]] = {
    "layer4": _fresh_answer,
    "checkpoint": lambda architecture, generator: {},
    "random": _fresh,
}
"""What a head starts with instead of the checkpoint's weights."""

PENALISED: dict[str, Callable[[Head], Iterable[nn.Parameter]]] = {
    "answer": lambda head: head.fc.parameters(),
    "head": lambda head: head.parameters(),
}
"""Which weights the L1 term covers."""


def starting_weights(state: Mapping[str, Tensor], architecture: Architecture, start: str, seed: int) -> State:
    """Weights of a whole network -> the `Head.state_dict()` that training starts from; determined by the seed."""
    taken = {name.removeprefix(HEAD): tensor.detach().clone() for name, tensor in state.items() if name.startswith(HEAD)}
    return {**taken, **STARTS[start](architecture, torch.Generator().manual_seed(seed))}


@dataclass
class HeadState:
    """Everything that a step changes.

    average: of the weights, if requested. epoch, step: the next ones, from 0. loss_sum: over the rows of this epoch so far.
    best: the weights of the best epoch so far, if they are to be kept. history: of the finished epochs.
    """

    head: Head
    average: Head | None
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best: State | None = None
    history: list[EpochFigures] = field(default_factory=list)

    @property
    def judged(self) -> Head:
        """The head that is evaluated: the running average if there is one."""
        return self.average or self.head

    def to_dict(self) -> dict[str, Any]:
        """Plain values and tensors, for `resuming.save_state`."""
        return {
            "head": self.head.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "best": self.best,
            "history": [asdict(figures) for figures in self.history],
        }

    def take_up(self, content: Mapping[str, Any]) -> None:
        """The inverse of `to_dict`."""
        self.head.load_state_dict(content["head"])
        if self.average:
            self.average.load_state_dict(content["average"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.epoch, self.step, self.loss_sum = content["epoch"], content["step"], content["loss_sum"]
        self.best = content["best"]
        self.history = [EpochFigures(**figures) for figures in content["history"]]


def new_state(architecture: Architecture, start: Mapping[str, Tensor], settings: TrainSettings, device: torch.device) -> HeadState:
    """A head with the weights of `start` on the device, ready for the first step."""
    head = Head(architecture, settings.dropout)
    head.load_state_dict(start)
    head.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(head).requires_grad_(False).eval() if settings.average_decay else None
    return HeadState(head, average, new_optimiser(head.parameters(), settings, device))


def weights_of(head: Head) -> State:
    """Copies of a head's weights on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in head.state_dict().items()}


def best_epoch(history: list[EpochFigures]) -> int:
    """The epoch with the highest validation AUC, from 1; if equal, the one with the lowest validation loss."""
    return max(history, key=lambda figures: (figures.validation_auc, -figures.validation_loss, -figures.epoch)).epoch


def has_stalled(history: list[EpochFigures], patience: int) -> bool:
    """Whether none of the last `patience` epochs is the best so far; always False with patience 0."""
    return bool(patience and history) and len(history) - best_epoch(history) >= patience
