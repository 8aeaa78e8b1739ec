"""Compares whole processes: `screener scan CLIP` and a straightforward script on the same frames, from their start to their end, in turns.

    python scripts/bench_whole_process.py [--repeats 5] [--sizes 480p 1080p] [--seconds 10]

The straightforward script is `first_script.py`, with the same weights. The clips are generated, with one person. Prints both times by the
clock and of the processor, and the ratios with their range. Run it on an idle machine. `bench_vs_naive.py` compares the same with models
loaded in both; `measure_startup.py` measures the first score, `measure_memory.py` memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from whole_processes import Spent, spent

from screener import ScanSettings, Screener
from screener.bench import SIZES_WH, make_clip

FIRST = Path(__file__).with_name("first_script.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=sorted(SIZES_WH), default=["480p", "1080p"])
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    screener = Screener(ScanSettings(), once=True)  # as the command that is measured
    print(f"whole processes, {screener.cores} cores, {screener.scorer.engine.name}; in turns, {given.repeats} times")
    with tempfile.TemporaryDirectory() as folder:
        for size in given.sizes:
            clip = Path(folder) / f"{size}.mp4"
            make_clip(clip, SIZES_WH[size], 1, given.seconds)
            wanted = [face.frame_index for face in screener.scan(clip).frames]
            request = json.dumps({"clip": str(clip), "wanted": wanted}) + "\n"
            ours, theirs = [sys.executable, "-m", "screener", "scan", str(clip), "--quiet"], [sys.executable, str(FIRST)]
            spent(ours, (0, 1, 3))  # fills the system's cache
            runs = [(spent(theirs, text=request), spent(ours, (0, 1, 3))) for _ in range(given.repeats)]
            print(f"  {size}, {len(wanted)} frames: " + "; ".join(compared(kind, runs) for kind in ("wall", "cpu")), flush=True)


def compared(kind: str, runs: list[tuple[Spent, Spent]]) -> str:
    times = [[getattr(one, kind) for one in column] for column in zip(*runs, strict=True)]
    ratios = [theirs / ours for theirs, ours in zip(*times, strict=True)]
    first, ours = map(median, times)
    return f"{kind} first script {first:.2f} s, ours {ours:.2f} s, ratio {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


if __name__ == "__main__":
    main()
