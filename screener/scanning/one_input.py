"""One call for one input: `screener.scan` and `screener.scan_stream`.

The decoding process is started first, so that it loads its libraries while PyTorch and the weights are loaded here, which takes as long.
What happens then is in `screener`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from screener.records import FaceScore, Verdict
from screener.settings import ScanSettings
from screener.video import Source, start_decoder

if TYPE_CHECKING:
    from screener.checkpoint import Checkpoint
    from screener.scanning.screener import Screener


def scan(source: Source | str | Path, settings: ScanSettings | None = None, checkpoint: Checkpoint | str | Path | None = None) -> Verdict:
    """Judge one video, picture or stream with a freshly loaded model; for several inputs keep a `Screener`.

    Raises CheckpointError, SettingsError and DeviceError; an input that is missing or cannot be read is a verdict with its reason.
    """
    return _loaded(settings, checkpoint).scan(source)


def scan_stream(
    source: Source | str | Path, settings: ScanSettings | None = None, checkpoint: Checkpoint | str | Path | None = None
) -> Iterator[FaceScore]:
    """The scores of one input as they come, in the order of its frames.

    Raises as `scan` does, and SourceError for an input that is missing or cannot be read at all.
    """
    yield from _loaded(settings, checkpoint).scan_stream(source)


def _loaded(settings: ScanSettings | None, checkpoint: Checkpoint | str | Path | None) -> Screener:
    start_decoder(settings)
    from screener.scanning.screener import Screener

    return Screener(settings, checkpoint)
