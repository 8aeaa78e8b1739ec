"""Measures the speed of feature extraction and head training on this machine, on generated pictures.

    python scripts/measure_training_speed.py [--features 1633]

First the default backbone on 224 px crops (without decoding and finding faces), once as it ships and once with every channel computed, as a
backbone without copies would be; then one epoch of the published recipe over so many features, and over those of the thin network that the
default weights are a widening of. Close everything else: other work on the same cores multiplies the times.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from screener.checkpoint import Checkpoint, load_checkpoint
from screener.model.copies import NO_COPIES
from screener.scoring import choose_dtype
from screener.settings import TrainSettings
from screener.training.extraction import FeatureMaker
from screener.training.fold_parts import parts_of
from screener.training.folds import FeatureFold, FoldRow, FoldSplit
from screener.training.head import FoldJob, train_head
from screener.training.head_state import starting_weights
from screener.training.updates import QuietWatch
from screener.training.workers import joined

CROPS = 96
BATCH = 16


def crops_per_second(checkpoint: Checkpoint) -> float:
    device = torch.device("cpu")
    maker = FeatureMaker(checkpoint, device, choose_dtype("auto", device))
    crops = np.random.default_rng(0).integers(0, 256, (CROPS, 224, 224, 3), dtype=np.uint8)
    maker.features(crops[:BATCH])
    started = time.perf_counter()
    for i in range(0, CROPS, BATCH):
        maker.features(crops[i : i + BATCH])
    return CROPS / (time.perf_counter() - started)


def epoch_seconds(checkpoint: Checkpoint, count: int) -> float:
    """One epoch over `count` training features, and as long as 24 more take to be judged."""
    shape = (checkpoint.contract.architecture.feature_channels, 14, 14)
    rng = np.random.default_rng(0)
    splits = {}
    for name, number in (("train", count), ("validation", 24)):
        rows = tuple(FoldRow(f"{name}-{i}", i % 2, f"{name}-{i}", f"{name}-{i}") for i in range(number))
        splits[name] = FoldSplit(name, rows, np.abs(rng.standard_normal((number, *shape), np.float32)).astype(np.float16))
    fold = FeatureFold(Path("made up"), 1, "", None, shape, splits)
    settings = TrainSettings(epochs=1)
    start = starting_weights(checkpoint.state, checkpoint.contract.architecture, settings.head_start, settings.seed)
    with tempfile.TemporaryDirectory() as folder, joined("cpu") as workers:
        job = FoldJob(1, parts_of(fold, 0.2, 0), checkpoint.contract.architecture, start, settings, Path(folder) / "state.pt")
        return train_head(job, workers, QuietWatch()).history[0].seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=1633)
    count = parser.parse_args().features
    default = load_checkpoint()
    shape, (thin_shape, _) = default.contract.architecture, default.contract.copies.narrowed(default.contract.architecture)
    thin = Checkpoint(replace(default.contract, architecture=thin_shape, copies=NO_COPIES), default.distinct, None, "")
    print(f"{torch.get_num_threads()} threads, {str(choose_dtype('auto', torch.device('cpu'))).removeprefix('torch.')}")
    print(f"features of the default backbone: {crops_per_second(default):.1f} crops/s")
    print(f"  with every channel computed:    {crops_per_second(default.written_out()):.1f} crops/s")
    print(f"one epoch over {count} features of {shape.feature_channels} channels: {epoch_seconds(default, count):.0f} s")
    print(f"  of the thin network's {thin_shape.feature_channels} channels: {epoch_seconds(thin, count):.0f} s")


if __name__ == "__main__":
    main()
