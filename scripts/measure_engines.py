"""Measures what each engine costs and changes on labelled clips: CPU time per crop, differences of p_fake, video AUC and verdicts.

    python scripts/measure_engines.py CLIPS CROPS.npz [--parted] [--every N] [--threads N] [--clip FILE...]

CLIPS is a folder with a `manifest.csv` (path, label). Their faces are found once and kept in CROPS.npz. The 8-bit model is calibrated on
some of them, tried on all. `--parted` sets copied channels a millionth apart, so that each is computed: the case of a head that was trained
on a backbone of its own. `--clip` scans these files with each engine, and counts outcomes that differ. Exits 1 where 8 bits cost more than
they may: an AUC moved by over 0.005, or an outcome of a `--clip` that differs.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.special import expit

from screener.checkpoint import Checkpoint, load_checkpoint
from screener.evaluation.metrics import roc_auc
from screener.export import export_model
from screener.export.writing import CALIBRATION_CROPS, TRIAL_CROPS
from screener.records import FaceCrop, FaceScore
from screener.scanning.engines import build_scorer
from screener.scanning.models import limits_of
from screener.scanning.screener import Screener
from screener.scoring import Begun, Engine, OnnxRuntimeEngine, Scorer, TorchEngine
from screener.settings import ScanSettings
from screener.verdict.judging import Sighting, judge_person, judge_video, leading_person

AUC_MAY_MOVE = 0.005
BATCH, TIMED = 16, 5
FIELDS = ("crops", "clip", "track", "seconds", "frame", "box", "confidence", "sharpness")


class Recording(Scorer):
    """Keeps the crops it scores."""

    kept: list[FaceCrop]

    def begin(self, crops: Sequence[FaceCrop], locate: bool = False) -> Begun:
        self.kept.extend(crops)
        return super().begin(crops, locate)


@dataclass(frozen=True)
class Answers:
    """p_fake: of each crop. video: clip -> the leading person's. outcomes: clip -> outcome."""

    p_fake: np.ndarray
    video: dict[int, float]
    outcomes: dict[int, str]
    cpu_ms: float
    wall_ms: float


def gather(folder: Path, target: Path, checkpoint: Checkpoint) -> None:
    rows = list(csv.DictReader((folder / "manifest.csv").open(encoding="utf-8")))
    screener = Screener(ScanSettings(device="cpu", thumbnails=0), checkpoint)
    recording = screener.scorer = Recording(screener.scorer.engine, checkpoint.contract.preprocessing)
    found: dict[str, list[Any]] = {name: [] for name in FIELDS}
    for number, row in enumerate(rows):
        recording.kept = []
        screener.scan(folder / row["path"])
        print(f"\rfaces of {number + 1} of {len(rows)} clips", end="", file=sys.stderr)
        for c in recording.kept:
            values = (c.crop_rgb, number, c.track_id, c.pts_seconds, c.frame_index, c.box.box_xyxy, c.box.confidence, c.sharpness)
            for name, value in zip(FIELDS, values, strict=True):
                found[name].append(value)
    print(file=sys.stderr)
    np.savez(target, label=[row["label"] == "fake" for row in rows], **{name: np.array(values) for name, values in found.items()})


def parted(checkpoint: Checkpoint) -> Checkpoint:
    generator = torch.Generator().manual_seed(0)
    whole = checkpoint.written_out()
    distinct = {
        name: tensor * (1 + 1e-6 * torch.randn(tensor.shape, generator=generator)) if tensor.dim() == 4 else tensor
        for name, tensor in whole.distinct.items()
    }
    return replace(whole, distinct=distinct, path=checkpoint.path)


def answers(engine: Engine, data: dict[str, np.ndarray], checkpoint: Checkpoint) -> Answers:
    crops, calibration = data["crops"], checkpoint.contract.calibration
    batch = crops[:BATCH]
    engine.logits(batch)
    cpu, wall = [], []
    for _ in range(TIMED):
        started = time.process_time(), time.perf_counter()
        engine.logits(batch)
        cpu.append(time.process_time() - started[0])
        wall.append(time.perf_counter() - started[1])
    logits = np.concatenate([engine.logits(crops[i : i + BATCH]) for i in range(0, len(crops), BATCH)])
    p_fake = expit(logits / calibration.temperature + calibration.bias)
    limits = limits_of(checkpoint, ScanSettings())
    video, outcomes = {}, {}
    for clip in np.unique(data["clip"]):
        people = []
        for track in np.unique(data["track"][data["clip"] == clip]):
            rows = np.flatnonzero((data["clip"] == clip) & (data["track"] == track))
            scores = [score_of(data, i, logits[i], p_fake[i]) for i in rows]
            seen = data["seconds"][rows]
            sighting = Sighting(int(track), float(seen.min()), float(seen.max()), len(rows), [score.face_px for score in scores])
            people.append(judge_person(sighting, scores, limits, False))
        leader = leading_person(tuple(people))
        if leader is not None and leader.p_fake is not None:
            video[int(clip)] = leader.p_fake
        outcomes[int(clip)] = judge_video(tuple(people), "complete", 32, limits.threshold)[0]
    return Answers(p_fake, video, outcomes, 1000 * min(cpu) / BATCH, 1000 * min(wall) / BATCH)


def score_of(data: dict[str, np.ndarray], i: int, logit: float, p_fake: float) -> FaceScore:
    x0, y0, x1, y1 = (float(value) for value in data["box"][i])
    return FaceScore(
        track_id=int(data["track"][i]),
        frame_index=int(data["frame"][i]),
        pts_seconds=float(data["seconds"][i]),
        logit=float(logit),
        p_fake=float(p_fake),
        box_xyxy=data["box"][i],
        confidence=float(data["confidence"][i]),
        face_px=min(x1 - x0, y1 - y0),
        sharpness=float(data["sharpness"][i]),
    )


def auc(found: Answers, labels: np.ndarray) -> float:
    clips = list(found.video)
    return float(roc_auc(labels[clips].astype(int), np.array([found.video[clip] for clip in clips])))


def scanned(clip: Path, checkpoint: Checkpoint, engine: str, dtype: str) -> str:
    return Screener(ScanSettings(device="cpu", engine=engine, dtype=dtype, thumbnails=0), checkpoint).scan(clip).outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("crops", type=Path)
    parser.add_argument("--parted", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="take every Nth crop of the clips")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    checkpoint = load_checkpoint()
    if not arguments.crops.is_file():
        gather(arguments.clips, arguments.crops, checkpoint)
    data = dict(np.load(arguments.crops))
    labels = data.pop("label")
    shuffled = np.random.default_rng(0).permutation(len(data["crops"]))[: CALIBRATION_CROPS + TRIAL_CROPS]
    calibration = data["crops"][shuffled]
    data = {name: values[:: arguments.every] for name, values in data.items()}
    if arguments.parted:
        checkpoint = parted(checkpoint)
    rules, costs_too_much = checkpoint.contract.preprocessing, False
    with tempfile.TemporaryDirectory() as folder:
        exact, int8 = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        export_model(exact, checkpoint)
        started = time.perf_counter()
        size = export_model(int8, checkpoint, int8_crops=calibration).bytes
        print(f"8-bit model: {size / 1e6:.1f} MB, made and tried in {time.perf_counter() - started:.0f} s")
        engines: dict[str, tuple[Engine, str, str]] = {
            "torch float32": (TorchEngine(checkpoint.build_network(), rules, "cpu", "float32"), "torch", "float32"),
            "torch bfloat16": (TorchEngine(checkpoint.build_network(), rules, "cpu", "bfloat16"), "torch", "bfloat16"),
            "opencv float32": (build_scorer(checkpoint, ScanSettings(device="cpu", engine="opencv")).engine, "opencv", "float32"),
            "onnxruntime float32": (OnnxRuntimeEngine(exact, rules), str(exact), "auto"),
            "onnxruntime int8": (OnnxRuntimeEngine(int8, rules), str(int8), "auto"),
        }
        width = "every channel computed" if arguments.parted else "copies computed once"
        print(f"{len(data['crops'])} crops of {len(np.unique(data['clip']))} clips, {width}, {arguments.threads} threads")
        print(f"{'engine':<21}{'CPU ms':>8}{'crops/s':>9}{'|dp| mean':>11}{'worst':>8}{'AUC':>8}{'moved':>9}{'outcomes':>10}{'clips':>7}")
        plain: Answers | None = None
        for name, (engine, chosen, dtype) in engines.items():
            found = answers(engine, data, checkpoint)
            outcomes = [scanned(clip, checkpoint, chosen, dtype) for clip in arguments.clip]
            if plain is None:
                plain, plain_outcomes = found, outcomes
            apart, moved = np.abs(found.p_fake - plain.p_fake), auc(found, labels) - auc(plain, labels)
            flips = sum(found.outcomes[clip] != outcome for clip, outcome in plain.outcomes.items())
            clip_flips = sum(one != other for one, other in zip(outcomes, plain_outcomes, strict=True))
            print(
                f"{name:<21}{found.cpu_ms:>8.2f}{1000 / found.wall_ms:>9.1f}{apart.mean():>11.5f}{apart.max():>8.4f}"
                f"{auc(found, labels):>8.4f}{moved:>+9.4f}{flips:>10}{clip_flips:>7}",
                flush=True,
            )
            costs_too_much |= name.endswith("int8") and (abs(moved) > AUC_MAY_MOVE or clip_flips > 0)
    print("AUC: of videos, by their leading person. outcomes: clips of the folder whose outcome is not that of torch float32.")
    print("clips: the same of --clip, through the whole scan.")
    sys.exit(1 if costs_too_much else 0)


if __name__ == "__main__":
    main()
