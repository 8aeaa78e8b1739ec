"""The processes that train together: one, or as many as `torchrun` has started.

Knows `torch.distributed` and the environment that `torchrun` sets. Does not know what is trained.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from screener.scoring import choose_device


@dataclass(frozen=True)
class Workers:
    """rank: of this process, from 0; only the first writes and shows. count: of all processes. device: of this process."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and shows."""
        return self.rank == 0

    def shared(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over all processes in its backward pass; the module itself if there is only one."""
        if self.count == 1:
            return module
        return DistributedDataParallel(module, device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def copy_buffers(self, module: nn.Module) -> None:
        """Copy the first process's buffers to all others, because batch norm's statistics differ between them."""
        if self.count > 1:
            for buffer in module.buffers():
                distributed.broadcast(buffer, 0)

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of `values` over all processes, in each of them; all must call this."""
        if self.count == 1:
            return values
        tensor = torch.from_numpy(values).to(self.device)
        distributed.all_reduce(tensor)
        return np.asarray(tensor.cpu().numpy(), np.float64)

    def wait(self) -> None:
        """Wait until all processes have reached this point."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def joined(device: str) -> Iterator[Workers]:
    """Join the processes that `torchrun` has started, and leave them at the end; only this process if it was started by itself.

    device: as in `scoring.choose_device`; with CUDA each process uses the card of its local rank. Raises DeviceError.
    """
    chosen = choose_device(device)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or "RANK" not in os.environ:
        yield Workers(chosen)
        return
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Workers(chosen, distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def started_as_first() -> bool:
    """Whether this process is the only one, or the first that `torchrun` started: the one that shows and writes."""
    return int(os.environ.get("RANK", "0")) == 0
