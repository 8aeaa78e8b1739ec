"""Saves the crops that raised an alarm as picture files, up to a limit.

Knows files and OpenCV's encoder. Files of earlier watches are never changed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import OutputError, SettingsError
from screener.runtime.files import make_folder, write_whole
from screener.watching.records import LiveEvent

DEFAULT_LIMIT = 200


class Snapshots:
    """Keeps at most `limit` files in `folder`; of those that it wrote itself, the oldest are deleted for new ones."""

    def __init__(self, folder: Path, limit: int = DEFAULT_LIMIT) -> None:
        """Creates the folder if needed. Raises OutputError, SettingsError."""
        if limit < 1:
            raise SettingsError(f"snapshots: expected at least 1 to be kept, got {limit}")
        self._folder = folder
        self._limit = limit
        self._kept: deque[Path] = deque()
        make_folder(folder)

    def keep(self, event: LiveEvent, crops_rgb: Iterable[NDArray[np.uint8]]) -> list[Path]:
        """Save each (h, w, 3) uint8 RGB crop as `20261122T161203.400-person-1-fake-0.93-1.png`, lossless. Raises OutputError."""
        paths = [self._write(f"{_name(event)}-{number}", crop) for number, crop in enumerate(crops_rgb, 1)]
        while len(self._kept) > self._limit:
            with suppress(OSError):
                self._kept.popleft().unlink()
        return paths

    def _write(self, stem: str, crop_rgb: NDArray[np.uint8]) -> Path:
        if crop_rgb.ndim != 3 or crop_rgb.shape[2] != 3 or crop_rgb.dtype != np.uint8:
            raise ValueError(f"crops_rgb: expected (h, w, 3) uint8, got {crop_rgb.shape} {crop_rgb.dtype}")
        path = self._free(stem)
        done, encoded = cv2.imencode(".png", cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2BGR))
        if not done:
            raise OutputError(f"{path}: the crop could not be encoded as PNG")
        write_whole(path, encoded.tobytes(), follow=False)
        self._kept.append(path)
        return path

    def _free(self, stem: str) -> Path:
        """An unused file name, because two watches may share a folder."""
        path, number = self._folder / f"{stem}.png", 1
        while path.exists():
            number += 1
            path = self._folder / f"{stem}-{number}.png"
        return path


def _name(event: LiveEvent) -> str:
    """Time of day, person, outcome and score, in characters that every file system accepts."""
    moment = re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", event.time).replace("-", "").replace(":", "")
    details = event.details
    p_fake = details.get("p_fake")
    parts = [moment, f"person-{details.get('track_id', 0)}", str(details.get("outcome", event.kind))]
    parts += [] if p_fake is None else [f"{p_fake:.2f}"]
    return re.sub(r"[^A-Za-z0-9.-]", "_", "-".join(parts))
