"""The versions of the packages that a result depends on."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

DISTRIBUTION = "screener-video"
"""The name of the package on PyPI; it is imported, and run, as `screener`."""

PACKAGES = ("screener", "torch", "torchvision", "opencv-python", "numpy", "av")


@functools.cache
def _installed() -> tuple[tuple[str, str], ...]:
    return tuple((name, _version(name)) for name in PACKAGES)


def versions() -> dict[str, str]:
    """Package name -> version, including Python's own."""
    return {"python": platform.python_version(), **dict(_installed())}


def _version(name: str) -> str:
    try:
        return metadata.version(DISTRIBUTION if name == "screener" else name)
    except metadata.PackageNotFoundError:
        return "not installed"
