"""Names of devices and dtypes -> PyTorch's objects, and what the hardware here computes efficiently. Does not know networks."""

from __future__ import annotations

import torch

from screener.errors import DeviceError


def choose_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `mps` -> device. Raises DeviceError if the requested one is missing."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available.get(name, False):
        there = ", ".join(device for device, is_there in available.items() if is_there)
        raise DeviceError(f"device {name}: not available to PyTorch {torch.__version__} on this machine; available: {there}")
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` selects bfloat16 only if the hardware computes in it; elsewhere it would be slower than float32."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu" and _cpu_computes_bfloat16():
        return torch.bfloat16
    return torch.float32


def keep_float32_whole() -> None:
    """Disable TF32 for the rest of the process. By default PyTorch lets NVIDIA cards round the factors of a float32 convolution to 10 bits,
    so boxes and scores would differ from the CPU's by more than the tolerance.
    """
    torch.backends.cudnn.allow_tf32 = False


def _cpu_computes_bfloat16() -> bool:
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check)()) for check in checks if hasattr(torch.cpu, check))
