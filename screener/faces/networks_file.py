"""Where the weights of MTCNN's three networks are, and what to say if they cannot be read."""

from __future__ import annotations

from pathlib import Path

from screener.runtime.versions import DISTRIBUTION

WEIGHTS = Path(__file__).with_name("mtcnn.safetensors")
"""Tensors named `pnet.conv1.weight` and so on, float32; source and licence in the metadata."""


def broken(error: Exception) -> str:
    """What is wrong and what to do."""
    advice = f"install screener again: pip install --force-reinstall --no-deps {DISTRIBUTION}"
    return f"face detector mtcnn: {WEIGHTS} cannot be read ({error}); {advice}"
