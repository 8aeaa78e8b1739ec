"""One call for one input: `screener.scan`, `screener.scan_frames` and `screener.scan_stream`.

The decoding process is started first, so that it loads its libraries while the models are loaded here.
The rest is in `screener`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screener.records import FaceScore, Frame, Verdict
from screener.settings import ScanSettings
from screener.video import Source, start_decoder

if TYPE_CHECKING:
    from screener.checkpoint import Checkpoint
    from screener.scanning.screener import Screener


def scan(
    source: Source | str | bytes | Path,
    settings: ScanSettings | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
    **changes: Any,
) -> Verdict:
    """Judge one video, picture or stream with a freshly loaded model; for several inputs keep a `Screener`.

    changes: single settings by name that override `settings`: `scan("clip.mp4", frames=8)`.
    Raises CheckpointError, SettingsError and DeviceError; an input that is missing or unreadable gives a verdict with its reason.
    """
    return _loaded(settings, checkpoint, changes).scan(source)


def scan_frames(
    frames: Iterable[NDArray[np.uint8] | Frame],
    fps: float | Fraction = 25.0,
    settings: ScanSettings | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
    **changes: Any,
) -> Verdict:
    """Judge pictures that a program has in memory, every one of them, with a freshly loaded model; see `Screener.scan_frames`.

    frames: (H, W, 3) uint8 arrays, RGB and upright, `1 / fps` seconds apart. Raises CheckpointError, SettingsError and DeviceError.
    """
    from screener.scanning.screener import Screener

    return Screener(changed(settings, changes), checkpoint).scan_frames(frames, fps)


def scan_stream(
    source: Source | str | bytes | Path,
    settings: ScanSettings | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
    **changes: Any,
) -> Iterator[FaceScore]:
    """Yield the scores of one input as they are computed, in the order of its frames. changes: as for `scan`.

    Raises as `scan` does, and SourceError for an input that is missing or cannot be read at all.
    """
    yield from _loaded(settings, checkpoint, changes).scan_stream(source)


def changed(settings: ScanSettings | None, changes: dict[str, Any]) -> ScanSettings:
    """Settings with some values replaced. Raises SettingsError for an unknown name, and for values that do not go together."""
    settings = settings or ScanSettings()
    return ScanSettings.from_mapping({**{f.name: getattr(settings, f.name) for f in fields(settings)}, **changes}) if changes else settings


def _loaded(settings: ScanSettings | None, checkpoint: Checkpoint | str | Path | None, changes: dict[str, Any]) -> Screener:
    settings = changed(settings, changes)
    start_decoder(settings)
    from screener.scanning.screener import Screener

    return Screener(settings, checkpoint, once=True)
