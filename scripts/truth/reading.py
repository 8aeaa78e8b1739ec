"""What screener judged of a file: its whole pipeline, with a detector that reads the numbers in place of the one that looks for faces.

Decoding, its process and limits, sampling, following, cropping, scoring in batches, coverage and the verdict are screener's own; detector
and engine come in through its dicts of them. The detector reports the whole picture as one face and hides the number that it read in the
confidence, which the pipeline hands on untouched; the engine calls every face genuine.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from screener.checkpoint import Checkpoint, load_checkpoint
from screener.faces import DETECTORS
from screener.records import FaceBox, FaceScore, Verdict
from screener.scanning.engines import ENGINES
from screener.scanning.screener import Screener
from screener.settings import ScanSettings
from screener.video import expand_sources
from truth.facts import Look, Reading
from truth.pictures import NUMBER_BITS, Label, Seen, read_label

HANG_SECONDS = 30.0
SAMPLES = 8
ROUND_SAMPLES = 16
"""Frames of the first round of a progressive scan."""

_TURNS = 8
_CODES = 1 << 20
_NAME = "numbers"
_LANDMARKS = np.array([[0.3, 0.36], [0.7, 0.36], [0.5, 0.56], [0.34, 0.76], [0.66, 0.76]], np.float32)


class NumberDetector:
    """Finds one face as large as the picture, whose confidence is what `numbered` reads."""

    name = _NAME
    pictures_at_once = 1

    def __init__(self, device: Any = None) -> None:
        pass

    def contract(self) -> dict[str, Any]:
        return {"name": self.name}

    def detect(self, picture_rgb: np.ndarray) -> list[FaceBox]:
        height, width = picture_rgb.shape[:2]
        box = np.array([0, 0, width, height], np.float32)
        return [FaceBox(box, confidence_of(read_label(picture_rgb)), _LANDMARKS * np.array([width, height], np.float32))]

    def detect_all(self, pictures_rgb: Sequence[np.ndarray]) -> list[list[FaceBox]]:
        return [self.detect(picture) for picture in pictures_rgb]

    def follow(self, picture_rgb: np.ndarray, faces: Sequence[FaceBox]) -> list[FaceBox]:
        return self.detect(picture_rgb)

    def is_small(self, face: FaceBox, size_wh: tuple[int, int]) -> bool:
        return False


class GenuineEngine:
    """Calls every crop genuine."""

    name, dtype_name, device = _NAME, "float32", torch.device("cpu")

    def logits(self, crops_rgb: np.ndarray) -> np.ndarray:
        return np.full(len(crops_rgb), -8.0)

    def logits_and_maps(self, crops_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cells = crops_rgb.shape[1] // 16
        return self.logits(crops_rgb), np.zeros((len(crops_rgb), cells, cells), np.float32)


def confidence_of(seen: Seen | None) -> float:
    """0 for a picture without a number; exact in a float."""
    if seen is None:
        return 0.0
    return ((seen.label.part << NUMBER_BITS | seen.label.number) * _TURNS + seen.turn + 1) / _CODES


def look_of(score: FaceScore) -> Look:
    width, height = (round(float(side)) for side in score.box_xyxy[2:])
    code = round(score.confidence * _CODES) - 1
    if code < 0:
        return Look(None, score.pts_seconds, 0, (width, height))
    number, turn = divmod(code, _TURNS)
    return Look(Label(number >> NUMBER_BITS, number & (1 << NUMBER_BITS) - 1), score.pts_seconds, turn, (width, height))


class Readers:
    """The ways to read a file, loaded once: every frame, a sample, and until sure."""

    def __init__(self) -> None:
        checkpoint = load_checkpoint(None)
        checkpoint = replace(checkpoint, contract=replace(checkpoint.contract, valid_range={}))
        engines = {_NAME: lambda checkpoint, settings: GenuineEngine()}
        # A screener makes both when it is built; who uses this process for more than the harness finds the dicts as they were.
        with patch.dict(DETECTORS, {_NAME: NumberDetector}), patch.dict(ENGINES, engines):
            self._every = _screener(checkpoint, all_frames=True)
            self._some = {
                "sample": (SAMPLES, _screener(checkpoint, frames=SAMPLES)),
                "until sure": (ROUND_SAMPLES, _screener(checkpoint, until_sure=True)),
            }

    def read(self, path: Path) -> list[Reading]:
        """That of every frame first; the others only where there was something to read."""
        readings = [_reading("all frames", 0, self._every, path)]
        if readings[0].coverage != "none" or readings[0].failure:
            readings += [_reading(way, samples, screener, path) for way, (samples, screener) in self._some.items()]
        return readings


def _screener(checkpoint: Checkpoint, **sampling: Any) -> Screener:
    settings = ScanSettings(
        detector=_NAME, engine=_NAME, thumbnails=0, min_face_px=8, min_sharpness=0.0, time_limit_seconds=HANG_SECONDS,
        stall_seconds=HANG_SECONDS / 2, max_duration_seconds=1e9, **sampling,
    )  # fmt: skip
    screener = Screener(settings, checkpoint)
    screener.cores = 1
    return screener


def _reading(way: str, samples: int, screener: Screener, path: Path) -> Reading:
    started = time.monotonic()
    try:
        verdicts = [screener.scan(source) for source in expand_sources([path])]
    except Exception:
        return Reading(way, "none", (traceback.format_exc(limit=-3),), failure="crash", samples=samples)
    reading = reading_of(way, samples, verdicts)
    return replace(reading, failure="hang") if time.monotonic() - started > 2 * HANG_SECONDS else reading


def reading_of(way: str, samples: int, verdicts: Sequence[Verdict]) -> Reading:
    """Of a file, or of the several inputs that a folder stands for. Without reasons as soon as one that needs a reason has none."""
    coverages = {verdict.coverage for verdict in verdicts}
    mute = any(verdict.coverage != "complete" and not verdict.reasons for verdict in verdicts)
    reasons = () if mute else tuple(dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))
    failure = "crash" if "decoder_crash" in reasons else "hang" if {"timeout", "limit_time"} & set(reasons) else ""
    return Reading(
        way,
        coverages.pop() if len(coverages) == 1 else "partial",
        reasons,
        tuple(dict.fromkeys(warning for verdict in verdicts for warning in verdict.warnings)),
        tuple(look_of(score) for verdict in verdicts for score in verdict.frames),
        failure,
        samples,
    )
