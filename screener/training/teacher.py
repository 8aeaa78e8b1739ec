"""Weights whose answers are learnt in place of labels (distillation, arXiv:1503.02531).

What costs several passes, such as scores relative to a copy of each crop, or several networks, becomes one pass of the network that
learns from them. Knows the teachers' networks and references. Does not know pairs, labels or the network in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from screener.checkpoint import Checkpoint
from screener.model.network import fake_logit
from screener.model.preprocessing import Preprocessing, resize_square
from screener.model.reference import NO_REFERENCE, Reference, recompressed
from screener.scoring import choose_dtype
from screener.training.preparing import prepare
from screener.training.starting_points import network_to_train


class Teacher:
    """Called with a batch of pictures, it says what the teacher would."""

    def __init__(
        self, checkpoint: Checkpoint, reference: Reference | None, device: torch.device, shown: Preprocessing | None = None
    ) -> None:
        """reference: instead of the checkpoint's. shown: how the pictures are cut, if not as the checkpoint has them; what it is used to is
        cut out of them, so their margin is not smaller.
        """
        self._used_to = checkpoint.contract.preprocessing
        self._inside = 1.0 if shown is None else self._used_to.crop_margin / shown.crop_margin
        self._reference = checkpoint.contract.reference if reference is None else reference
        # Its distinct channels alone: the same answers for less.
        network, _ = network_to_train(checkpoint, 1, 0)
        self._network = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, S, S, 3) uint8 -> (N,) float32 logits of fake, relative to copies if the teacher is, and (N, h, w) logits of its maps."""
        pictures = self._cut(pictures)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=choose_dtype("auto", self._device) is torch.bfloat16):
            logits, maps = self._network.forward_with_map(prepare(pictures.to(self._device)))
            found = fake_logit(logits.float())
            if self._reference != NO_REFERENCE:
                copies = torch.from_numpy(recompressed(pictures.cpu().numpy(), self._reference))
                found = found - self._reference.weight * fake_logit(self._network(prepare(copies.to(self._device))).float())
        return found, maps.float()

    def _cut(self, pictures: Tensor) -> Tensor:
        """The middle of each picture at the size that the teacher is used to."""
        side, size = pictures.shape[1], self._used_to.input_size
        inside = round(side * self._inside)
        if inside == side == size:
            return pictures
        first = (side - inside) // 2
        middles: NDArray[np.uint8] = pictures.cpu().numpy()[:, first : first + inside, first : first + inside]
        return torch.from_numpy(np.stack([resize_square(np.ascontiguousarray(middle), size) for middle in middles]))


class Teachers:
    """Called like a `Teacher`: the logits of the first, plus those of others times their weights, and the maps of the first."""

    def __init__(self, first: Teacher, others: Sequence[tuple[Teacher, float]]) -> None:
        self._first, self._others = first, tuple(others)

    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """As in `Teacher`."""
        logits, maps = self._first(pictures)
        for teacher, weight in self._others:
            logits = logits + weight * teacher(pictures)[0]
        return logits, maps
