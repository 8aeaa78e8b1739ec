"""Models how many videos a second `scan --workers auto` judges on 1 to 64 cores, from what one video costs on this machine.

    python scripts/model_cores.py [--size 480p] [--people 1] [--seconds 10] [--scans 6]

One video's CPU seconds are measured stage by stage with all of this machine's cores. The model: no stage of one video is faster than its
CPU time over the threads that it may use, no set of videos faster than all CPU time over all cores. It knows neither memory bandwidth nor
the interpreter's lock, so real machines are slower; how much is shown for the core counts that can be had here, by keeping this process and
its decoders to 1, 2, ... of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from screener import ScanSettings
from screener.bench import SIZES_WH, make_clip
from screener.bench.stage_times import Bench, bench_with
from screener.scanning.batch import fitting_workers
from screener.scanning.models import FACE_THREADS
from screener.scanning.screener import Screener

CORES = (1, 2, 4, 8, 16, 32, 64)
MANY = 1000
"""Inputs, so many that their number limits nothing."""


def videos_a_second(measured: Bench, cores: int) -> tuple[int, float, str]:
    """(workers, videos a second, what limits them) by the model."""
    cpu = {name: measured.stages[name].cpu_seconds for name in ("decode", "faces", "scoring", "total")}
    workers = fitting_workers(MANY, cores)
    own = max(1, cores // workers)
    threads = {"decode": 1, "faces": max(1, min(own // 2, FACE_THREADS)), "scoring": own}
    slowest = max(threads, key=lambda name: cpu[name] / threads[name])
    by_stage = workers / (cpu[slowest] / threads[slowest])
    by_cores = cores / cpu["total"]
    return workers, min(by_stage, by_cores), slowest if by_stage < by_cores else "cores"


def measured_here(clip: Path, cores: int, scans: int) -> float:
    """Videos a second of this process and its decoders on so many of this machine's cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(allowed)[:cores]))
    try:
        workers = fitting_workers(MANY, cores)
        screener = Screener(ScanSettings(device="cpu"))
        screener.cores = max(1, cores // workers)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(screener.scan, [clip] * workers))
            started = time.perf_counter()
            list(pool.map(screener.scan, [clip] * scans * workers))
            return scans * workers / (time.perf_counter() - started)
    finally:
        os.sched_setaffinity(0, allowed)


def lines(clip: Path, scans: int) -> Iterator[str]:
    measured = bench_with(Screener(ScanSettings(device="cpu")), clip, 3)
    cpu = ", ".join(f"{name} {measured.stages[name].cpu_seconds:.2f}" for name in ("decode", "faces", "scoring", "total"))
    yield f"{clip.name}: CPU seconds a video: {cpu}; {measured.dtype}"
    yield f"{'cores':>7}{'workers':>9}{'videos/s':>10}  {'limited by':<12}{'measured here':>14}"
    for cores in CORES:
        workers, rate, limit = videos_a_second(measured, cores)
        here = f"{measured_here(clip, cores, scans):.2f}" if cores <= len(os.sched_getaffinity(0)) else ""
        yield f"{cores:>7}{workers:>9}{rate:>10.2f}  {limit:<12}{here:>14}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SIZES_WH), default="480p")
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--scans", type=int, default=6)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / f"{given.size}.mp4"
        make_clip(clip, SIZES_WH[given.size], given.people, given.seconds)
        for line in lines(clip, given.scans):
            print(line, flush=True)


if __name__ == "__main__":
    main()
