"""Whether OpenCV can open a window, which is needed only for watching live."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import cv2

from screener.doctor.findings import Examination, Fault

_NEEDLESS = "only showing pictures in a window needs one; scanning does not"


def examine(examination: Examination, _checkpoint: Path | None, _device: str) -> None:
    """Check whether a window can be opened; needed only for showing pictures."""
    examination.check("display", _display, _NEEDLESS, optional=True)


def _display() -> str:
    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    toolkit = found[1] if found else "NONE"
    if toolkit == "NONE":
        raise Fault(
            "this OpenCV cannot open windows", f"{_NEEDLESS}; for a window: pip uninstall opencv-python-headless, pip install opencv-python"
        )
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise Fault(f"OpenCV has windows ({toolkit}), but there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set")
    return f"OpenCV opens windows with {toolkit}"
