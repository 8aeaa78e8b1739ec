"""The versions that a result depends on, by package name."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

DISTRIBUTION = "screener-video"
"""What the package is called where packages are published; it is imported, and run, as `screener`."""

PACKAGES = ("screener", "torch", "torchvision", "opencv-python", "numpy", "av")


@functools.cache
def _installed() -> tuple[tuple[str, str], ...]:
    return tuple((name, _version(name)) for name in PACKAGES)


def versions() -> dict[str, str]:
    """Package name -> version, and Python's own."""
    return {"python": platform.python_version(), **dict(_installed())}


def _version(name: str) -> str:
    try:
        return metadata.version(DISTRIBUTION if name == "screener" else name)
    except metadata.PackageNotFoundError:
        return "not installed"
