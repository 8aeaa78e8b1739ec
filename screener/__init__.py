"""screener: screens video for face forgery while it streams. The public names, and nothing else.

    import screener
    verdict = screener.scan("clip.mp4")

Names load on first use, so that importing the package costs nothing. One thing happens at import, because it only works before PyTorch is
loaded: threads are set to wait asleep (see `runtime/waiting.py`).
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from screener.runtime.waiting import wait_asleep

if TYPE_CHECKING:
    __version__: str
    from screener.checkpoint import Checkpoint as Checkpoint
    from screener.checkpoint import load_checkpoint as load_checkpoint
    from screener.comparison import Comparison as Comparison
    from screener.comparison import compare as compare
    from screener.errors import CheckpointError as CheckpointError
    from screener.errors import DeviceError as DeviceError
    from screener.errors import ScreenerError as ScreenerError
    from screener.errors import SettingsError as SettingsError
    from screener.errors import SourceError as SourceError
    from screener.records import FaceScore as FaceScore
    from screener.records import TrackVerdict as TrackVerdict
    from screener.records import Verdict as Verdict
    from screener.scanning.one_input import scan as scan
    from screener.scanning.one_input import scan_frames as scan_frames
    from screener.scanning.one_input import scan_stream as scan_stream
    from screener.scanning.screener import Screener as Screener
    from screener.settings import LiveSettings as LiveSettings
    from screener.settings import ScanSettings as ScanSettings
    from screener.watching.watch import live as live

wait_asleep()
logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent, unless the calling program configures logging

_HOMES = {
    "Checkpoint": "checkpoint",
    "load_checkpoint": "checkpoint",
    "Comparison": "comparison",
    "compare": "comparison",
    "CheckpointError": "errors",
    "DeviceError": "errors",
    "ScreenerError": "errors",
    "SettingsError": "errors",
    "SourceError": "errors",
    "Screener": "scanning.screener",
    "scan": "scanning.one_input",
    "scan_frames": "scanning.one_input",
    "scan_stream": "scanning.one_input",
    "FaceScore": "records",
    "TrackVerdict": "records",
    "Verdict": "records",
    "LiveSettings": "settings",
    "ScanSettings": "settings",
    "live": "watching.watch",
}

_WITH_PYTORCH = {"checkpoint", "scanning.screener", "scanning.one_input", "watching.watch"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from screener.runtime.versions import versions

        return versions()["screener"]
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in _WITH_PYTORCH:
        from screener.runtime.current_folder import require_current_folder

        require_current_folder()
    from screener.runtime.importing import uncollected

    with uncollected():
        return getattr(importlib.import_module(f"screener.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*_HOMES, "__version__"]
