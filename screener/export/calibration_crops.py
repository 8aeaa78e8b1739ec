"""Clips in, face crops as in a scan out, for calibrating and testing an 8-bit model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from screener.checkpoint import Checkpoint
from screener.model.architecture import STRIDE
from screener.scanning.screener import Screener
from screener.scoring import Scorer
from screener.settings import ScanSettings
from screener.video import Source, SourceFailure

FRAMES = 16
"""Number of frames sampled in each clip."""

LEAST_FROM_A_CLIP = 4
"""Minimum number of crops kept per clip, however many clips there are."""


class CropCollector:
    """An engine that keeps the crops it is given and returns dummy scores."""

    name, device, dtype_name = "none", torch.device("cpu"), "float32"

    def __init__(self) -> None:
        self.crops: list[NDArray[np.uint8]] = []

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Keep the crops; returns even odds for each."""
        self.crops.extend(crops_rgb)
        return np.zeros(len(crops_rgb))

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Keep the crops; returns even odds, and maps of zeros."""
        cells = crops_rgb.shape[1] // STRIDE
        return self.logits(crops_rgb), np.zeros((len(crops_rgb), cells, cells), np.float32)

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """Nothing to run."""
        return lambda: None


def crops_of(
    inputs: Sequence[Source | SourceFailure],
    checkpoint: Checkpoint,
    count: int,
    on_clip: Callable[[str, int, tuple[str, ...]], None] = lambda name, kept, why: None,
) -> NDArray[np.uint8]:
    """At most `count` crops (N, S, S, 3), spread over the clips and over the time of each, in a mixed order.

    on_clip: called with the name of each clip, its number of crops, and the reasons if it has none, from `errors.REASONS`.
    """
    kept = np.array(list(_crops(inputs, checkpoint, count, on_clip)), np.uint8)
    size = checkpoint.contract.preprocessing.input_size
    mixed = np.random.default_rng(0).permutation(len(kept))[:count]
    return kept[mixed] if len(kept) else np.zeros((0, size, size, 3), np.uint8)


def _crops(
    inputs: Sequence[Source | SourceFailure], checkpoint: Checkpoint, count: int, on_clip: Callable[[str, int, tuple[str, ...]], None]
) -> Iterator[NDArray[np.uint8]]:
    screener = Screener(ScanSettings(frames=FRAMES, threshold=0.5, thumbnails=0, device="cpu", engine="torch"), checkpoint)
    share = max(LEAST_FROM_A_CLIP, -(-count // max(1, len(inputs))))
    for source in inputs:
        collector = CropCollector()
        screener.scorer = Scorer(collector, checkpoint.contract.preprocessing)
        verdict = screener.scan(source)
        found = collector.crops
        chosen = [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(share, len(found))).round().astype(int))] if found else []
        on_clip(source.name, len(chosen), () if chosen else verdict.reasons)
        yield from chosen
