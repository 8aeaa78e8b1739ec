"""Measures how much a clip's scores depend on batch size, entry point and dtype; prints the largest difference of each comparison.

    python scripts/measure_agreement.py CLIP...

Backs `screener.scoring.TOLERANCE_P_FAKE`: exits 1 when a comparison within one dtype exceeds it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from screener.checkpoint import load_checkpoint
from screener.scanning.screener import Screener
from screener.scoring import TOLERANCE_P_FAKE
from screener.settings import ScanSettings


def scanned(clip: Path, **settings: object) -> tuple[np.ndarray, str]:
    screener = Screener(ScanSettings.from_mapping(settings), CHECKPOINT)
    return np.array([score.p_fake for score in screener.scan(clip).frames]), screener.scorer.dtype_name


def streamed(clip: Path, **settings: object) -> np.ndarray:
    return np.array([score.p_fake for score in Screener(ScanSettings.from_mapping(settings), CHECKPOINT).scan_stream(clip)])


CHECKPOINT = load_checkpoint()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    worst = 0.0
    for clip in parser.parse_args().clips:
        plain, dtype = scanned(clip, batch_size=32)
        exact, _ = scanned(clip, batch_size=32, dtype="float32")
        comparisons = {
            f"batch 1 against 32, {dtype}": np.abs(scanned(clip, batch_size=1)[0] - plain).max(),
            f"scan against scan_stream, {dtype}": np.abs(streamed(clip, batch_size=32) - plain).max(),
            "batch 1 against 32, float32": np.abs(scanned(clip, batch_size=1, dtype="float32")[0] - exact).max(),
        }
        print(f"{clip.name}: {len(plain)} faces")
        for name, difference in comparisons.items():
            allowed = TOLERANCE_P_FAKE[name.rsplit(", ", 1)[1]]
            worst = max(worst, float(difference) / allowed)
            print(f"  {name:<40} {difference:.6f}  (tolerance {allowed:g})")
        print(f"  {dtype + ' against float32':<40} {np.abs(plain - exact).max():.6f}")
    sys.exit(1 if worst > 1 else 0)


if __name__ == "__main__":
    main()
