"""The training loop: backbone and head together, from pairs made on the fly.

Time-boxed and resumable: a stage has so many minutes, checkpoints every few, and a stop loses only what came after the last. Knows tensors,
the network and the pair stream. Does not know files of pictures, clips or checkpoint contracts.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from screener.errors import OutputError
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.runtime.allocator import keep_freed_memory
from screener.scoring import choose_dtype
from screener.training.pairs import PairMaker, PairStream, Recipe
from screener.training.resuming import load_state, save_state

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]

MAP_WEIGHT = 1.0
LABEL_SMOOTHING = 0.03
AVERAGE_DECAY = 0.998
SAVE_EVERY_SECONDS = 240.0
RECIPE_STEPS = 24
"""The difficulty rises in this many steps over a stage."""


@dataclass(frozen=True)
class Stage:
    """One stretch of training.

    minutes: wall-clock length. input_size: pixels. pairs: pairs in a batch (twice as many pictures). learning_rate: at its peak.
    hardness, strength: first and last value, linear in between (see `pairs.Recipe`).
    """

    minutes: float
    input_size: int
    pairs: int
    learning_rate: float
    hardness: tuple[float, float]
    strength: tuple[float, float]
    weight_decay: float = 0.05
    warm_up_pictures: int = 4000


@dataclass
class State:
    """Everything a resumed run needs: the network, its running average, the optimiser, and how far it came in the stage.

    forward: `network.forward_with_map`, perhaps compiled; the network's device is where it trains.
    """

    network: Network
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    seconds: float = 0.0
    pictures: int = 0
    forward: Forward | None = None

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def save(self, path: Path) -> None:
        """Raises OutputError."""
        content = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "seconds": self.seconds,
            "pictures": self.pictures,
        }
        save_state(path, content)

    def load(self, path: Path) -> None:
        """Take up what `save` wrote, on the network's device. Raises OutputError when there is nothing to read."""
        content = load_state(path)
        if content is None:
            raise OutputError(f"{path}: does not exist")
        self.network.load_state_dict(content["network"])
        self.average = {name: tensor.to(self.device) for name, tensor in content["average"].items()}
        self.optimiser.load_state_dict(content["optimiser"])
        self.seconds, self.pictures = content["seconds"], content["pictures"]


def new_state(network: Network, stage: Stage) -> State:
    network.to(memory_format=torch.channels_last)
    decayed = [p for p in network.parameters() if p.dim() > 1]
    plain = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=stage.learning_rate)
    return State(network, {k: v.detach().clone() for k, v in network.state_dict().items()}, optimiser)


def train_stage(
    state: State, stage: Stage, maker: PairMaker, path: Path, seed: int, say: Callable[[str], None], compiled: bool = False
) -> None:
    """Train until the stage's minutes are spent, saving to `path` on the way and at the end.

    compiled: fuse the network's small operations first, which takes a minute or two and a C++ compiler and then gains about a quarter.
    """
    keep_freed_memory()
    started, before = time.monotonic(), state.seconds
    last_save, last_word, losses = started, started, []
    total = stage.minutes * 60
    if compiled:
        state.forward = torch.compile(state.network.forward_with_map)
    while state.seconds < total:
        done = state.seconds / total
        recipe = Recipe(stage.input_size, Preprocessing().crop_margin, _between(stage.hardness, done), _between(stage.strength, done))
        until = total * (math.floor(done * RECIPE_STEPS) + 1) / RECIPE_STEPS
        for batch in _stream(maker, recipe, stage.pairs, seed + state.pictures, _workers(state.device)):
            losses.append(_step(state, batch, stage, state.seconds / total))
            now = time.monotonic()
            state.seconds = before + now - started
            if now - last_word > 60:
                last_word = now
                label_loss, map_loss = np.mean(losses[-100:], axis=0)
                say(
                    f"{state.seconds / 60:6.1f} min {state.pictures:8d} pictures {state.pictures / state.seconds:5.1f}/s  "
                    f"label {label_loss:.4f}  map {map_loss:.4f}  hard {recipe.hardness:.2f}"
                )
            if now - last_save > SAVE_EVERY_SECONDS:
                last_save = now
                state.save(path)
            if state.seconds >= min(until, total):
                break
    state.save(path)


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * min(1.0, share)


def _stream(maker: PairMaker, recipe: Recipe, pairs: int, seed: int, workers: int) -> Iterator[Any]:
    return iter(DataLoader(PairStream(maker, recipe, pairs, seed), batch_size=None, num_workers=workers, prefetch_factor=4))


def _workers(device: torch.device) -> int:
    """On a graphics card every core makes pairs; on the processor one worker keeps up with the network and takes little from it."""
    return 1 if device.type == "cpu" else max(1, (os.cpu_count() or 2) - 1)


def _step(state: State, batch: tuple[Tensor, Tensor, Tensor, Tensor], stage: Stage, done: float) -> tuple[float, float]:
    device = state.device
    pictures, labels, maps, known = (tensor.to(device, non_blocking=True) for tensor in batch)
    rate = (
        stage.learning_rate
        * min(1.0, (state.pictures + 1) / stage.warm_up_pictures)
        * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
    )
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    network = state.network.train()
    forward = state.forward or network.forward_with_map
    with torch.autocast(device.type, torch.bfloat16, enabled=choose_dtype("auto", device) is torch.bfloat16):
        logits, where = forward(prepare(pictures))
    label_loss = F.cross_entropy(logits.float(), labels, label_smoothing=LABEL_SMOOTHING)
    per_picture = F.binary_cross_entropy_with_logits(where.float(), maps, reduction="none").mean((1, 2))
    map_loss = (per_picture * known).sum() / known.sum().clamp(min=1)
    state.optimiser.zero_grad(set_to_none=True)
    (label_loss + MAP_WEIGHT * map_loss).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    state.optimiser.step()
    state.pictures += len(labels)
    _update_average(state, len(labels))
    return float(label_loss.detach()), float(map_loss.detach())


def _update_average(state: State, batch: int) -> None:
    steps = state.pictures / batch
    decay = min(AVERAGE_DECAY, (1 + steps) / (10 + steps))
    with torch.no_grad():
        for name, value in state.network.state_dict().items():
            if value.is_floating_point():
                state.average[name].lerp_(value, 1 - decay)
            else:
                state.average[name].copy_(value)


def prepare(pictures: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 -> normalised (N, 3, S, S) float32, channels last: the arithmetic of `preprocess.normalise` on tensors."""
    contract = Preprocessing()
    mean = torch.tensor(contract.mean_rgb, device=pictures.device) * 255
    std = torch.tensor(contract.std_rgb, device=pictures.device) * 255
    return ((pictures.float() - mean) / std).permute(0, 3, 1, 2)
