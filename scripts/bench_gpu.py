"""Benchmarks the network, whole scans and the face detector on a graphics card, and relates them to the card's peak for matrix products.

    python scripts/bench_gpu.py [--checkpoint PATH] [--device cuda|mps|cpu] [--batches 1 8 32 ...] [--workers 1 2 ...] [--no-compile]

The peak is measured with large matrix products in the same dtype, so that no table of cards is needed. A row of the network is the complete
path of a batch in a scan: upload, normalise, score, download; once waiting for each batch before the next starts, once with the next batch
in flight, as scans do on CUDA. Scans repeat one generated clip, so that files come from memory instead of a disk. Duplicate channels are
computed once; `--parted` computes all, as for a head trained on its own backbone.

Without a card it says so and exits with 2. `--device cpu` runs everything at a small scale to test the script; its figures say nothing
about any card. Nothing that this script can measure on a card has been measured yet.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from measure_engines import parted
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from screener.bench import SIZES_WH, make_clip, spending
from screener.checkpoint import Checkpoint, load_checkpoint
from screener.doctor.specimen import make_specimen
from screener.faces import DETECTORS
from screener.report.progress import QuietProgress
from screener.runtime.in_flight import in_flight
from screener.scanning.batch import Batch, Judged
from screener.scanning.screener import Screener
from screener.scoring import Scorer, TorchEngine, choose_dtype
from screener.scoring.acceleration import ACCELERATIONS
from screener.settings import ScanSettings
from screener.video import file_source

NEAR_ENOUGH = 0.95
"""The smallest batch that reaches this share of the best rate is the advice: a larger one costs memory and waiting, and wins nothing."""

BATCHES_IN_A_ROW = 8
"""Of one measured run: enough for the one that is in flight to matter."""

DTYPES = ("bfloat16", "float32")


@dataclass(frozen=True)
class Extent:
    """How much is measured. seconds: for each figure, at least. scans: for each worker. clip: a key of SIZES_WH, and seconds."""

    seconds: float = 2.0
    matrix_side: int = 8192
    batches: tuple[int, ...] = (1, 8, 16, 32, 64, 128, 256)
    workers: tuple[int, ...] = (1, 2, 4, 8)
    scans: int = 8
    clip: tuple[str, float] = ("720p", 10.0)
    frames_wh: tuple[tuple[int, int], ...] = tuple(SIZES_WH.values())


SMALL = Extent(0.1, 1024, (1, 2), (1, 2), 1, ("480p", 1.0), ((320, 240),))
"""For a run without a card."""


def finish(device: torch.device) -> None:
    if device.type != "cpu":
        (torch.cuda if device.type == "cuda" else torch.mps).synchronize()


def rate(run: Callable[[], object], device: torch.device, seconds: float) -> float:
    """How often a second `run` can be done."""
    for _ in range(3 if device.type != "cpu" else 1):
        run()
    finish(device)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(5 if device.type != "cpu" else 1):
            run()
            count += 1
        finish(device)
    return count / (time.perf_counter() - started)


def matrix_peak(device: torch.device, dtype: torch.dtype, extent: Extent) -> float:
    """Floating-point operations a second of a large product; float32 rounded first where PyTorch lets convolutions do so."""
    side = extent.matrix_side
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        return rate(lambda: left @ right, device, extent.seconds) * 2 * side**3
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def operations_of_a_crop(checkpoint: Checkpoint) -> int:
    """Floating-point operations of the network as it is scored."""
    rules = checkpoint.contract.preprocessing
    engine = TorchEngine(checkpoint.build_network(), rules, "cpu", "float32")
    with FlopCounterMode(display=False) as counter:
        engine.logits(np.zeros((1, rules.input_size, rules.input_size, 3), np.uint8))
    return int(counter.get_total_flops())


def crops_a_second(engine: TorchEngine, crops: list[NDArray[np.uint8]], ahead: int, seconds: float) -> float:
    """In batches of these crops; ahead: how many are begun before a result is waited for."""

    def run() -> None:
        for fetch in in_flight((engine.begin(crops, locate=True) for _ in range(BATCHES_IN_A_ROW)), ahead):
            fetch()

    return rate(run, engine.device, seconds) * BATCHES_IN_A_ROW * len(crops)


def score(
    checkpoint: Checkpoint, device: torch.device, dtype: str, peak: float, operations: int, extent: Extent, accelerations: list[str]
) -> dict[int, float]:
    """Prints a table; returns crops a second by batch size, overlapped and without acceleration: as scans are."""
    side, rules = checkpoint.contract.preprocessing.input_size, checkpoint.contract.preprocessing
    print(f"\nnetwork, {dtype}: {operations / 1e9:.2f} GFLOP a crop; matrix peak measured {peak / 1e12:.2f} TFLOP/s; crops/s")
    print(f"  {'batch':>6}" + "".join(f"{name + ': waiting':>20}{'overlapped':>12}{'of peak':>9}" for name in accelerations))
    found = {}
    for batch in extent.batches:
        crops = list(np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8))
        row = ""
        for name in accelerations:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", RuntimeWarning)
                engine = TorchEngine(checkpoint.build_network(), rules, device.type, dtype, acceleration=name)
                waiting, overlapped = (crops_a_second(engine, crops, ahead, extent.seconds) for ahead in (0, 1))
            failed = any("goes on without" in str(warning.message) for warning in caught)
            row += f"{waiting:>20.1f}{overlapped:>12.1f}{'failed' if failed else f'{100 * overlapped * operations / peak:.1f} %':>9}"
            if name == "none":
                found[batch] = overlapped
        print(f"  {batch:>6}{row}", flush=True)
    return found


def advise(rates: dict[int, float], faces_in_a_scan: int) -> int:
    """Prints and returns the batch size that is best for the network on this card."""
    default, best = ScanSettings().batch_size, max(rates.values())
    wanted = min(batch for batch, found in rates.items() if found >= NEAR_ENOUGH * best)
    print(f"\nbatch size: {wanted} is the smallest within {100 * (1 - NEAR_ENOUGH):.0f} % of the best rate, {best:.0f} crops/s")
    if default in rates:
        print(f"  the default, {default}, gives {100 * rates[default] / best:.0f} % of it")
    print(f"  a batch holds faces of one input only: there are {faces_in_a_scan} in the clip scanned below")
    return wanted


@contextmanager
def waiting_for_each(scorer: Scorer, wait: bool) -> Iterator[None]:
    """Whether scans wait for each batch before they begin the next."""
    engine = scorer.engine
    assert isinstance(engine, TorchEngine)
    usual, engine.keeps_in_flight = engine.keeps_in_flight, not wait
    try:
        yield
    finally:
        engine.keeps_in_flight = usual


def videos_a_second(screener: Screener, clip: Path, workers: int, count: int) -> tuple[float, float]:
    """And processor seconds a video, decoders included."""
    cores, outcomes = screener.cores, list[Judged]()
    screener.cores = max(1, cores // workers)
    try:
        with spending() as spent:
            Batch([file_source(clip)] * count, screener, QuietProgress(), workers=workers).run(outcomes.append)
    finally:
        screener.cores = cores
    for judged in outcomes:
        if judged.fault is not None or judged.verdict.coverage != "complete":
            raise RuntimeError(f"a scan went wrong, so nothing was measured: {judged.verdict.detail or judged.verdict.reasons}")
    return count / spent.wall_seconds, spent.cpu_seconds / count


def scan(screener: Screener, clip: Path, faces: int, extent: Extent, operations_a_second: Callable[[float], float]) -> int:
    """Prints a table; returns the number of workers with which most was scanned."""
    name, seconds = extent.clip
    size = "x".join(map(str, SIZES_WH[name]))
    print(f"\nscans of {size}, {seconds:.0f} s, {faces} faces, batch size {screener.scorer.batch_size}; videos/s")
    print(f"  {'workers':>7}{'waiting':>10}{'overlapped':>12}{'of peak':>9}{'CPU s a video':>15}")
    best: dict[int, float] = {}
    for workers in extent.workers:
        measured = []
        for wait in (True, False):
            with waiting_for_each(screener.scorer, wait):
                measured.append(videos_a_second(screener, clip, workers, extent.scans * workers))
        (waiting, _), (overlapped, cpu_seconds) = measured
        share = f"{100 * operations_a_second(overlapped):.2f} %"
        print(f"  {workers:>7}{waiting:>10.2f}{overlapped:>12.2f}{share:>9}{cpu_seconds:>15.2f}", flush=True)
        best[workers] = overlapped
    return max(best, key=lambda workers: best[workers])


def find_faces(device: torch.device, extent: Extent) -> None:
    picture = make_specimen().genuine[0]
    detector = DETECTORS["mtcnn"](device=device)
    print()
    for width, height in extent.frames_wh:
        frame = np.ascontiguousarray(cv2.resize(picture, (width, height)))
        found = rate(lambda frame=frame: detector.detect(frame), device, extent.seconds)  # type: ignore[misc]
        print(f"faces, {width} x {height}: {found:.1f} frames/s", flush=True)


def measure(checkpoint: Checkpoint, device: torch.device, extent: Extent, accelerations: list[str]) -> None:
    operations, auto = operations_of_a_crop(checkpoint), str(choose_dtype("auto", device)).removeprefix("torch.")
    peaks = {dtype: matrix_peak(device, getattr(torch, dtype), extent) for dtype in DTYPES}
    rates = {dtype: score(checkpoint, device, dtype, peaks[dtype], operations, extent, accelerations) for dtype in DTYPES}
    settings = ScanSettings(device=device.type, engine="torch", dtype=auto)
    with tempfile.TemporaryDirectory() as folder:
        clip, (name, seconds) = Path(folder) / "clip.mp4", extent.clip
        make_clip(clip, SIZES_WH[name], 1, seconds)
        screener = Screener(settings, checkpoint)
        faces = len(screener.scan(clip).frames)
        wanted = advise(rates[auto], faces)

        def share(videos: float) -> float:
            return videos * faces * operations / peaks[auto]

        workers = scan(screener, clip, faces, extent, share)
        if wanted != settings.batch_size:
            other = Screener(replace(settings, batch_size=wanted), checkpoint)
            other.scan(clip)
            scan(other, clip, faces, replace(extent, workers=(workers,)), share)
    find_faces(device, extent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint")
    parser.add_argument("--device", choices=("cuda", "mps", "cpu"))
    parser.add_argument("--batches", type=int, nargs="+")
    parser.add_argument("--workers", type=int, nargs="+")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--parted", action="store_true")
    arguments = parser.parse_args()
    cards = [name for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if there]
    name = arguments.device or (cards[0] if cards else "cuda")
    if name not in (*cards, "cpu"):
        print(
            f"no {name} device here: PyTorch {torch.__version__} sees {', '.join(cards) or 'none'}; nothing was measured", file=sys.stderr
        )
        sys.exit(2)
    titles = {"cuda": lambda: torch.cuda.get_device_name(), "mps": lambda: "Apple", "cpu": lambda: "NO CARD: a dry run on the processor"}
    print(f"{titles[name]()}, PyTorch {torch.__version__}")
    checkpoint = load_checkpoint(arguments.checkpoint)
    extent = SMALL if name == "cpu" else Extent()
    given = {key: tuple(values) for key in ("batches", "workers") if (values := getattr(arguments, key))}
    left_out = {"cuda": set(), "mps": {"graph"}, "cpu": {"graph", "compile"}}[name] | ({"compile"} if arguments.no_compile else set())
    accelerations = [kind for kind in ACCELERATIONS if kind not in left_out]
    measure(parted(checkpoint) if arguments.parted else checkpoint, torch.device(name), replace(extent, **given), accelerations)


if __name__ == "__main__":
    main()
