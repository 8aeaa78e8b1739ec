"""Which devices PyTorch has here, which one is used, and whether they compute correctly. Uses tiny matrix products, not networks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from screener.doctor.findings import Examination, Fault
from screener.scoring import choose_device, choose_dtype

TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 2e-2}
"""Largest error of a product relative to its largest value; TF32, which some GPUs use for float32, has a mantissa of 10 bits."""

_NO_GPU = "not needed: the CPU does the same work, only slower"
_USE_CPU = "use `--device cpu`, and install the PyTorch that fits this machine's driver (https://pytorch.org/get-started)"


def examine(examination: Examination, _checkpoint: Path | None, device: str) -> None:
    """Check whether CPU, CUDA and MPS compute correctly, and which of them `device` selects."""
    examination.check("cpu", _cpu, "install PyTorch again: pip install --force-reinstall torch torchvision")
    examination.check("cuda", _cuda, _NO_GPU, optional=True)
    examination.check("mps", _mps, _NO_GPU, optional=True)
    examination.check("device", lambda: _chosen(device), _USE_CPU)


def product_error(device: torch.device, dtype: torch.dtype) -> float:
    """Largest error of a small matrix product on the device, relative to the largest true value, which NumPy computes in float64."""
    waves = np.sin(np.arange(2 * 64 * 64)).reshape(2, 64, 64)
    # Rounded first, so that only the arithmetic is tested and not the storage.
    a, b = torch.from_numpy(waves).to(dtype)
    expected = a.double().numpy() @ b.double().numpy()
    product = (a.to(device) @ b.to(device)).cpu().double().numpy()
    return float(np.abs(product - expected).max() / np.abs(expected).max())


def _prove(device: torch.device, dtype: torch.dtype = torch.float32) -> str:
    error = product_error(device, dtype)
    # Negated, so that NaN fails too.
    if not error <= TOLERANCE[dtype]:
        raise Fault(f"{device.type}: a matrix product in {_name(dtype)} is off by {error:.2g} of its largest value", _USE_CPU)
    return "a matrix product agrees with the reference"


def _cpu() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    device = torch.device("cpu")
    bfloat16 = "in hardware" if choose_dtype("auto", device) is torch.bfloat16 else "not in hardware, so float32 is used"
    return f"{cores} cores, {torch.get_num_threads()} threads; bfloat16 {bfloat16}; {_prove(device)}"


def _cuda() -> str:
    if not torch.cuda.is_available():
        raise Fault("none that this PyTorch can use")
    cards = []
    for number in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(number)
        cards.append(f"{card.name}, {card.total_memory / 2**30:.0f} GiB")
    return f"{'; '.join(cards)}; {_prove(torch.device('cuda'))}"


def _mps() -> str:
    if not torch.backends.mps.is_available():
        raise Fault("none that this PyTorch can use")
    return f"Apple GPU; {_prove(torch.device('mps'))}"


def _chosen(name: str) -> str:
    device = choose_device(name)
    dtype = choose_dtype("auto", device)
    return f"`{name}` means {device.type} in {_name(dtype)}; {_prove(device, dtype)}"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
