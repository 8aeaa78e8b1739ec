"""The training loop of backbone and head together, on pairs made on the fly.

Limited in time and resumable: a stage has a number of minutes and is saved every few, so a stop loses only the time since the last save.
Knows tensors, the network and the pair stream. Does not know picture files, clips or checkpoint contracts.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from screener.errors import OutputError
from screener.model.network import Network, fake_logit
from screener.runtime.allocator import keep_freed_memory
from screener.scoring import choose_dtype
from screener.training.pairs import SHOWN_PX, WORN_SHARE, PairMaker, Recipe
from screener.training.preparing import prepare
from screener.training.resuming import load_state, save_state
from screener.training.self_blending import AROUND_SHARE
from screener.training.stream import Batch, Progress, batches

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
Answers = Callable[[Tensor], tuple[Tensor, Tensor]]
"""(N, S, S, 3) uint8 pictures -> (N,) logits and (N, h, w) logits of maps to learn, see `teacher.Teacher`."""

Say = Callable[[str], None]

MAP_WEIGHT = 1.0
LABEL_SMOOTHING = 0.03
AVERAGE_DECAY = 0.999
LOWEST_RATE = 0.02
"""Learning rate at the end of a stage, relative to its peak."""

SAY_EVERY_SECONDS = 60.0
LOOK_EVERY_SECONDS = 1800.0


@dataclass(frozen=True)
class Stage:
    """One stage of the training.

    minutes: wall-clock length. input_size: pixels. pairs: pairs in a batch (twice as many pictures). learning_rate: at its peak.
    hardness, strength: first and last value (see `pairs.Recipe`); they change over the first two thirds and then stay.
    hold: share of the stage in which the rate stays at its peak before it falls as half a cosine.
    moments: pairs from one clip. crop_margin, video, tone, same_route, level, other_real, motion_blur, level_by_region, shown_px, worn,
    around: see `pairs.Recipe`.
    ranking: weight of the loss that wants the fake of a pair above its real one. frozen_statistics: batch norms keep their means and
    variances, so that training sees what scanning sees, where no picture depends on the others of its batch. save_every_seconds: time
    between saves of the state.
    """

    minutes: float
    input_size: int
    pairs: int
    learning_rate: float
    hardness: tuple[float, float]
    strength: tuple[float, float]
    weight_decay: float = 0.05
    warm_up_pictures: int = 4000
    hold: float = 0.0
    moments: int = 1
    video: float = 0.7
    tone: float = 0.35
    same_route: float = 0.5
    level: float = 0.75
    other_real: float = 0.0
    motion_blur: float = 0.0
    level_by_region: float = 0.0
    shown_px: tuple[float, float] = SHOWN_PX
    worn: float = WORN_SHARE
    around: float = AROUND_SHARE
    crop_margin: float = 1.3
    ranking: float = 0.0
    frozen_statistics: bool = False
    save_every_seconds: float = 240.0

    def rate(self, done: float, pictures: int) -> float:
        """The learning rate after the share `done` of the stage and after `pictures` pictures."""
        warm = min(1.0, (pictures + 1) / self.warm_up_pictures)
        falling = max(0.0, min(1.0, done) - self.hold) / (1 - self.hold)
        return self.learning_rate * warm * (LOWEST_RATE + (1 - LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * falling)))

    def recipe(self, done: float) -> Recipe:
        """How pictures are made after the share `done` of the stage."""
        grown = min(1.0, 1.5 * done)
        return Recipe(
            self.input_size, self.crop_margin, _between(self.hardness, grown), _between(self.strength, grown),
            self.moments, self.video, self.tone, self.same_route, self.level, self.other_real, self.motion_blur,
            self.level_by_region, self.shown_px, self.worn, self.around,
        )  # fmt: skip


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


@dataclass(eq=False)
class State:
    """Everything that a resumed run needs: the network, its running average, the optimiser, and the progress in the stage.

    forward: `network.forward_with_map`, perhaps compiled; training runs on the network's device. losses: of label and map, of the steps
    since they were last reported.
    """

    network: Network
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    seconds: float = 0.0
    pictures: int = 0
    forward: Forward | None = None
    losses: list[Tensor] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        """The device of the network, on which it trains."""
        return next(self.network.parameters()).device

    def save(self, path: Path) -> None:
        """Write the state to a file. Raises OutputError."""
        content = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "seconds": self.seconds,
            "pictures": self.pictures,
        }
        save_state(path, content)

    def load(self, path: Path) -> None:
        """Load what `save` wrote, onto the network's device. Raises OutputError if it cannot be read."""
        content = load_state(path)
        if content is None:
            raise OutputError(f"{path}: does not exist")
        self.network.load_state_dict(content["network"])
        self.average = {name: tensor.to(self.device) for name, tensor in content["average"].items()}
        self.optimiser.load_state_dict(content["optimiser"])
        self.seconds, self.pictures = content["seconds"], content["pictures"]

    def mean_losses(self) -> tuple[float, float]:
        """Mean losses of label and map since the last call."""
        label, where = torch.stack(self.losses).mean(0).tolist() if self.losses else (math.nan, math.nan)
        self.losses.clear()
        return label, where


def new_state(network: Network, stage: Stage) -> State:
    """A state at the beginning of a stage; weight decay applies only to weights of more than one dimension."""
    network.to(memory_format=torch.channels_last)
    decayed = [p for p in network.parameters() if p.dim() > 1]
    plain = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=stage.learning_rate, fused=next(network.parameters()).is_cuda)
    return State(network, {k: v.detach().clone() for k, v in network.state_dict().items()}, optimiser)


def train_stage(
    state: State,
    stage: Stage,
    maker: PairMaker,
    path: Path,
    seed: int,
    say: Say,
    *,
    compiled: bool = False,
    look: Callable[[State], str] | None = None,
    teacher: Answers | None = None,
) -> None:
    """Train until the stage's minutes are over, saving to `path` on the way and at the end.

    compiled: fuse the network's small operations first, which takes a minute or two and a C++ compiler and then gains about a quarter.
    look: called every `LOOK_EVERY_SECONDS` and at the end, and its text is reported; its time does not count.
    teacher: whose answers are learnt in place of labels and maps.
    """
    total = stage.minutes * 60
    if state.seconds >= total:
        return
    keep_freed_memory()
    if compiled:
        state.forward = torch.compile(state.network.forward_with_map)
    progress: Progress = multiprocessing.get_context().Value("d", state.seconds / total)
    stream = batches(maker, stage.recipe, progress, stage.pairs, seed + state.pictures, pair_workers(state.device))
    last = time.monotonic()
    saved = said = looked = state.seconds
    while state.seconds < total:
        step(state, next(stream), stage, teacher)
        now = time.monotonic()
        state.seconds += now - last
        last = now
        progress.value = state.seconds / total
        if state.seconds - said > SAY_EVERY_SECONDS:
            said = state.seconds
            say(_word(state, stage, "label" if teacher is None else "score"))
        if state.seconds - saved > stage.save_every_seconds or state.seconds >= total:
            saved = state.seconds
            state.save(path)
        if look is not None and (state.seconds - looked > LOOK_EVERY_SECONDS or state.seconds >= total):
            looked = state.seconds
            say(look(state))
            last = time.monotonic()


def step(state: State, batch: Batch, stage: Stage, teacher: Answers | None = None) -> None:
    """Train on one batch: on its labels and maps, or on a teacher's answers."""
    pictures, labels, maps, is_known = (tensor.to(state.device, non_blocking=True) for tensor in batch)
    for group in state.optimiser.param_groups:
        group["lr"] = stage.rate(state.seconds / (stage.minutes * 60), state.pictures)
    network = state.network.train()
    if stage.frozen_statistics:
        for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.eval()
    forward = state.forward or network.forward_with_map
    with torch.autocast(state.device.type, torch.bfloat16, enabled=choose_dtype("auto", state.device) is torch.bfloat16):
        logits, where = forward(prepare(pictures))
    if teacher is None:
        label_loss, map_loss, ranking_loss = _losses_on_labels(logits.float(), where.float(), labels, maps, is_known)
        loss = label_loss + MAP_WEIGHT * map_loss + stage.ranking * ranking_loss
    else:
        wanted, wanted_maps = teacher(batch.pictures)
        label_loss = F.mse_loss(fake_logit(logits.float()), wanted)
        map_loss = F.binary_cross_entropy_with_logits(where.float(), wanted_maps.sigmoid())
        loss = label_loss + MAP_WEIGHT * map_loss
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    state.optimiser.step()
    state.losses.append(torch.stack([label_loss.detach(), map_loss.detach()]))
    state.pictures += len(labels)
    _update_average(state, len(labels))


def _losses_on_labels(logits: Tensor, where: Tensor, labels: Tensor, maps: Tensor, is_known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Losses of labels, maps and ranking."""
    real, fake = fake_logit(logits).chunk(2)
    per_picture = F.binary_cross_entropy_with_logits(where, maps, reduction="none").mean((1, 2))
    return (
        F.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING),
        (per_picture * is_known).sum() / is_known.sum().clamp(min=1),
        F.softplus(real - fake).mean(),
    )


def _update_average(state: State, batch: int) -> None:
    """The decay starts low, so that the first weights are soon forgotten."""
    steps = state.pictures / batch
    decay = min(AVERAGE_DECAY, (1 + steps) / (10 + steps))
    now = state.network.state_dict()
    floating = [name for name, value in now.items() if value.is_floating_point()]
    with torch.no_grad():
        torch._foreach_lerp_([state.average[name] for name in floating], [now[name] for name in floating], 1 - decay)
    for name in now.keys() - set(floating):
        state.average[name].copy_(now[name])


def _word(state: State, stage: Stage, learnt: str) -> str:
    label, where = state.mean_losses()
    hardness = stage.recipe(state.seconds / (stage.minutes * 60)).hardness
    return (
        f"{state.seconds / 60:6.1f} min {state.pictures:9,d} pictures {state.pictures / state.seconds:6.1f}/s  "
        f"{learnt} {label:.4f}  map {where:.4f}  hard {hardness:.2f}"
    )


def pair_workers(device: torch.device) -> int:
    """Number of processes that make pairs: every core with a GPU; one on a CPU, which keeps up with the network and takes
    little from it.
    """
    return 1 if device.type == "cpu" else max(1, (os.cpu_count() or 2) - 1)
