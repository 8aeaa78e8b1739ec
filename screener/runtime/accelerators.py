"""Whether this machine may have a GPU that PyTorch can use, told without loading PyTorch."""

from __future__ import annotations

import ctypes.util
import platform
import sys
from functools import cache
from pathlib import Path

DEVICE_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""Of NVIDIA's driver, AMD's, and Windows' for Linux."""


@cache
def has_accelerator() -> bool:
    """True also where there is a driver that PyTorch cannot use, so that it has to be asked; False only if there is certainly none."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        return ctypes.util.find_library("nvcuda") is not None
    return any(Path(file).exists() for file in DEVICE_FILES)
