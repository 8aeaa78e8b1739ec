"""Lists the cameras of this machine, and which of them open. Each is tried in a decoding process, so a camera that hangs blocks nothing."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path

from screener.settings import LiveSettings
from screener.video.live.live_child import LiveChild
from screener.video.sources import Source

LINUX_DEVICES = Path("/sys/class/video4linux")
PROBED_INDICES = 4
"""How many indices are tried if the system cannot list its cameras."""

OPENING_SECONDS = 10.0
_INDEX = re.compile(r"video(\d+)")


@dataclass(frozen=True)
class Camera:
    """name: from the driver, empty if unknown. opens: whether it delivered a frame."""

    index: int
    name: str
    opens: bool


def list_cameras(devices: Path = LINUX_DEVICES) -> list[Camera]:
    """All cameras in order of their indices. If the system cannot list them, those that open among the first few."""
    known = _names(devices)
    if devices.parent.is_dir():
        return [Camera(index, name, opens(index)) for index, name in sorted(known.items())]
    return [Camera(index, "", True) for index in range(PROBED_INDICES) if opens(index)]


def _names(devices: Path) -> dict[int, str]:
    found = {}
    for folder in devices.iterdir() if devices.is_dir() else ():
        match = _INDEX.fullmatch(folder.name)
        if match:
            name = folder / "name"
            found[int(match.group(1))] = name.read_text(encoding="utf-8", errors="replace").strip() if name.is_file() else ""
    return found


def opens(index: int) -> bool:
    """Whether the camera delivers a frame within a few seconds."""
    child = LiveChild(Source(index, "camera", f"camera {index}"), LiveSettings())
    timer = threading.Timer(OPENING_SECONDS, child.kill)
    timer.start()
    try:
        child.ask()
        while (received := child.receive()) is not None:
            if "frame" in received[0]:
                return True
            if "failed" in received[0] or "end" in received[0]:
                return False
        return False
    finally:
        timer.cancel()
        child.kill()
        child.close_pipes()
