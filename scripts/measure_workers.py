"""Measures the throughput of `scan --workers N` on this machine: videos per second, and CPU seconds per video, in turns.

    python scripts/measure_workers.py [--workers 1 2 4] [--scans 12] [--repeats 3] [--size 480p] [--seconds 10]

Scans one made clip again and again, models loaded and files in memory. The ratio is to one worker of the same turn. For graphics cards
see `bench_gpu.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from bench_gpu import videos_a_second

from screener.bench import SIZES_WH, make_clip
from screener.scanning.screener import Screener


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--scans", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", choices=sorted(SIZES_WH), default="480p")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    counts = sorted({1, *arguments.workers})
    screener = Screener()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, SIZES_WH[arguments.size], 1, arguments.seconds)
        for workers in counts:
            videos_a_second(screener, clip, workers, workers)
        turns = [{n: videos_a_second(screener, clip, n, arguments.scans) for n in counts} for _ in range(arguments.repeats)]
    on = f"{screener.scorer.device}, {screener.cores} cores"
    print(f"{arguments.size}, {arguments.seconds:.0f} s, {on}; in turns, {arguments.repeats} times")
    print(f"  {'workers':>7}{'videos/s':>10}{'CPU s a video':>15}  ratio to one")
    for n in counts:
        ratios = [turn[n][0] / turn[1][0] for turn in turns]
        rate, spent = (median(turn[n][place] for turn in turns) for place in (0, 1))
        print(f"  {n:>7}{rate:>10.2f}{spent:>15.2f}  {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
