"""Measures start-up times: `screener --help`, and from the start to the first score of a clip.

    python scripts/measure_startup.py [CLIP] [--repeats N]
    python scripts/measure_startup.py --weights CHECKPOINT... [--repeats N]

Each run is a process of its own, the files in the system's cache. The second table is one run taken apart. Exits 1 where help takes over
0.2 s or imports PyTorch, or the first score takes over 1.5 s. With --weights only reading these checkpoints and making their scorers is
timed, in turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HELP_SECONDS, FIRST_SCORE_SECONDS = 0.2, 1.5
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "genuine.mp4"

HELP = """
import sys
from screener.cli import main
try:
    sys.argv = ["screener", "--help"]
    main()
finally:
    sys.stderr.write("torch" if "torch" in sys.modules else "")
"""

FIRST_SCORE = """
import json, sys, time
laps, before = {}, time.perf_counter()
def lap(name):
    global before
    now = time.perf_counter()
    laps[name] = now - before
    before = now
import numpy; lap("import numpy")
import cv2; lap("import cv2")
from screener.scanning.screener import Screener
from screener.scanning.engines import build_scorer
from screener.scanning.models import build_detector
from screener.settings import ScanSettings
from screener.checkpoint import load_checkpoint
lap("import screener")
checkpoint = load_checkpoint(); lap("read and verify the checkpoint")
build_scorer(checkpoint, ScanSettings(), once=True); lap("make the scorer")
build_detector("mtcnn", "cpu", checkpoint.contract.detector); lap("make the detector")
screener = Screener(ScanSettings(), checkpoint, once=True)
before = time.perf_counter()
next(iter(screener.scan_stream(sys.argv[1]))); lap("decode, find and score the first frames")
sys.stdout.write(json.dumps(laps))
"""

WHOLE = """
import sys
import screener
next(iter(screener.scan_stream(sys.argv[1])))
sys.stdout.write("scored")
sys.stdout.flush()
import os
os._exit(0)
"""


WEIGHTS = """
import json, resource, sys, time
import screener, torch
from screener.checkpoint import load_checkpoint
from screener.scanning.engines import build_scorer
from screener.settings import ScanSettings
laps = [(time.perf_counter(), time.process_time())]
checkpoint = load_checkpoint(sys.argv[1])
laps.append((time.perf_counter(), time.process_time()))
build_scorer(checkpoint, ScanSettings(device="cpu"))
laps.append((time.perf_counter(), time.process_time()))
spent = [after[i] - before[i] for before, after in zip(laps, laps[1:]) for i in (0, 1)]
sys.stdout.write(json.dumps([*spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


@dataclass(frozen=True)
class Run:
    """seconds: by the clock. cpu_seconds: of the process and its children. out, err: what it wrote."""

    seconds: float
    cpu_seconds: float
    out: str
    err: str


def timed(code: str, *arguments: str) -> Run:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu_seconds, done.stdout, done.stderr)


def compare(checkpoints: list[Path], repeats: int) -> None:
    """Medians of wall and processor seconds for each checkpoint, which take turns."""
    rows: dict[Path, list[list[float]]] = {path: [] for path in checkpoints}
    for _ in range(repeats):
        for path, runs in rows.items():
            runs.append(json.loads(timed(WEIGHTS, str(path)).out))
    for path, runs in rows.items():
        load, load_cpu, make, make_cpu, peak = (statistics.median(column) for column in zip(*runs, strict=True))
        print(
            f"{path}, {path.stat().st_size / 1e6:.1f} MB: read and verified in {load:.2f} s ({load_cpu:.2f} of the processor), "
            f"scorer made in {make:.2f} s ({make_cpu:.2f}), peak {peak:.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", default=EXAMPLE)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--weights", type=Path, nargs="+", metavar="CHECKPOINT")
    arguments = parser.parse_args()
    if arguments.weights:
        compare(arguments.weights, arguments.repeats)
        return
    timed(WHOLE, str(arguments.clip))  # fills the system's cache
    helps = [timed(HELP) for _ in range(arguments.repeats)]
    scores = [timed(WHOLE, str(arguments.clip)) for _ in range(arguments.repeats)]
    loads_torch = any("torch" in run.err for run in helps)
    too_slow = False
    for name, runs, allowed in (
        ("screener --help", helps, HELP_SECONDS),
        (f"first score of {arguments.clip.name}", scores, FIRST_SCORE_SECONDS),
    ):
        times = [run.seconds for run in runs]
        cpu_seconds = statistics.median(run.cpu_seconds for run in runs)
        too_slow |= statistics.median(times) > allowed
        print(
            f"{name:<32}{statistics.median(times):6.2f} s, {min(times):.2f} to {max(times):.2f}, "
            f"{cpu_seconds:.2f} of the processor; allowed {allowed} s"
        )
    laps = json.loads(timed(FIRST_SCORE, str(arguments.clip)).out)
    print("\n".join(f"  {name:<42}{seconds:6.2f} s" for name, seconds in laps.items()))
    sys.exit(1 if loads_torch or too_slow else 0)


if __name__ == "__main__":
    main()
