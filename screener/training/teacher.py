"""Weights whose answers are learnt in place of labels (distillation, arXiv:1503.02531).

What costs a teacher several passes, such as scores relative to a copy of each crop, becomes one pass of the network that learns from it.
Knows the teacher's network and its reference. Does not know pairs, labels or the network in training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from screener.checkpoint import Checkpoint
from screener.model.network import fake_logit
from screener.model.reference import NO_REFERENCE, Reference, recompressed
from screener.scoring import choose_dtype
from screener.training.preparing import prepare
from screener.training.starting_points import network_to_train


class Teacher:
    """Called with a batch of pictures, it says what the teacher would."""

    def __init__(self, checkpoint: Checkpoint, reference: Reference | None, device: torch.device) -> None:
        """reference: instead of the checkpoint's."""
        self._reference = checkpoint.contract.reference if reference is None else reference
        # Its distinct channels alone: the same answers for less.
        network, _ = network_to_train(checkpoint, 1, 0)
        self._network = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, S, S, 3) uint8 -> (N,) float32 logits of fake, relative to copies if the teacher is, and (N, h, w) logits of its maps."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=choose_dtype("auto", self._device) is torch.bfloat16):
            logits, maps = self._network.forward_with_map(prepare(pictures.to(self._device)))
            found = fake_logit(logits.float())
            if self._reference != NO_REFERENCE:
                copies = torch.from_numpy(recompressed(pictures.cpu().numpy(), self._reference))
                found = found - self._reference.weight * fake_logit(self._network(prepare(copies.to(self._device))).float())
        return found, maps.float()
