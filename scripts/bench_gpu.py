"""What a graphics card makes of the network and the face detector: crops a second, and which share of the card's matrix peak that is.

    python scripts/bench_gpu.py [--checkpoint PATH] [--device cuda|mps] [--batches 1 8 32 ...] [--no-compile]

The peak is measured, by large matrix products in the same dtype, so that no table of cards is needed. Each row is the whole way of a batch
as a scan goes it: bytes up, normalised, scored, logits back. Channels that are copies are computed once; `--parted` computes all, as for a
head that was trained on a backbone of its own. Needs a card, and says so where there is none (exit status 2).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable

import cv2
import numpy as np
import torch
from measure_engines import parted
from torch.utils.flop_counter import FlopCounterMode

from screener.checkpoint import Checkpoint, load_checkpoint
from screener.doctor.specimen import make_specimen
from screener.faces import DETECTORS
from screener.scoring import TorchEngine
from screener.scoring.acceleration import ACCELERATIONS

SECONDS = 2.0
"""Measured for at least so long, after a warm-up."""

MATRIX_SIDE = 8192
FRAME_SIZES_WH = ((854, 480), (1280, 720), (1920, 1080))


def finish(device: torch.device) -> None:
    (torch.cuda if device.type == "cuda" else torch.mps).synchronize()


def rate(run: Callable[[], object], device: torch.device) -> float:
    """How often a second `run` can be done."""
    for _ in range(3):
        run()
    finish(device)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        for _ in range(5):
            run()
        finish(device)
        count += 5
    return count / (time.perf_counter() - started)


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large product."""
    left, right = (torch.randn(MATRIX_SIDE, MATRIX_SIDE, device=device, dtype=dtype) for _ in range(2))
    return rate(lambda: left @ right, device) * 2 * MATRIX_SIDE**3


def operations_of_a_crop(checkpoint: Checkpoint) -> int:
    """Floating-point operations of the network as it is scored."""
    rules = checkpoint.contract.preprocessing
    engine = TorchEngine(checkpoint.build_network(), rules, "cpu", "float32")
    with FlopCounterMode(display=False) as counter:
        engine.logits(np.zeros((1, rules.input_size, rules.input_size, 3), np.uint8))
    return int(counter.get_total_flops())


def score(checkpoint: Checkpoint, device: torch.device, batches: list[int], accelerations: list[str]) -> None:
    rules, operations = checkpoint.contract.preprocessing, operations_of_a_crop(checkpoint)
    print(f"network: {operations / 1e9:.2f} GFLOP a crop")
    for dtype in ("bfloat16", "float32"):
        peak = matrix_peak(device, getattr(torch, dtype))
        print(f"{dtype}: matrix peak measured {peak / 1e12:.1f} TFLOP/s")
        print(f"  {'batch':>6}" + "".join(f"{name:>12} crops/s {'of peak':>9}" for name in accelerations))
        for batch in batches:
            crops = np.random.default_rng(0).integers(0, 256, (batch, rules.input_size, rules.input_size, 3), np.uint8)
            columns = []
            for name in accelerations:
                engine = TorchEngine(checkpoint.build_network(), rules, device.type, dtype, acceleration=name)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", RuntimeWarning)
                    found = batch * rate(lambda engine=engine, crops=crops: engine.logits(crops), device)  # type: ignore[misc]
                failed = any("goes on without" in str(warning.message) for warning in caught)
                columns.append(f"{found:>20.0f} {'failed' if failed else f'{100 * found * operations / peak:.1f} %':>9}")
            print(f"  {batch:>6}" + "".join(columns), flush=True)


def find_faces(device: torch.device) -> None:
    picture = make_specimen().genuine[0]
    detector = DETECTORS["mtcnn"](device=device)
    for width, height in FRAME_SIZES_WH:
        frame = np.ascontiguousarray(cv2.resize(picture, (width, height)))
        print(f"faces, {width} x {height}: {rate(lambda frame=frame: detector.detect(frame), device):.1f} frames/s")  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint")
    parser.add_argument("--device", choices=("cuda", "mps"))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16, 32, 64, 128, 256])
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--parted", action="store_true")
    arguments = parser.parse_args()
    available = [name for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if there]
    name = arguments.device or (available[0] if available else "cuda")
    if name not in available:
        print(
            f"no {name} device here: PyTorch {torch.__version__} sees {', '.join(available) or 'none'}; nothing was measured",
            file=sys.stderr,
        )
        sys.exit(2)
    device = torch.device(name)
    print(f"{torch.cuda.get_device_name() if name == 'cuda' else 'Apple'}, PyTorch {torch.__version__}")
    checkpoint = load_checkpoint(arguments.checkpoint)
    accelerations = [
        kind for kind in ACCELERATIONS if not (arguments.no_compile and kind == "compile") and (name == "cuda" or kind != "graph")
    ]
    score(parted(checkpoint) if arguments.parted else checkpoint, device, arguments.batches, accelerations)
    find_faces(device)


if __name__ == "__main__":
    main()
