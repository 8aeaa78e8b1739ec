"""Plain records for tests: everything has a default, so that a test sets only what it is about."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch

from screener.checkpoint import FORMAT_VERSION, Calibration, Contract, OperatingPoint
from screener.model.architecture import CLASS_NAMES, Architecture
from screener.model.copies import Copies, Widening
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.records import FaceBox, FaceCrop, FaceScore, TrackVerdict, Verdict, VideoFacts
from screener.training.labelled_pictures import LabelledFace
from screener.verdict.judging import Limits, Sighting

TINY = Architecture("tiny", blocks=(1, 1, 1, 1), inner_width=8, outer_width=4, stem_width=4)
WIDE = Architecture("wide", blocks=(1, 1, 1, 1), inner_width=32, outer_width=8, stem_width=4)
FROM_TINY = Copies.of_all(Widening(stem=1, inner=4, outer=2))
"""How often each channel of TINY stands in WIDE, which so is the same function."""

TINY_PREPROCESSING = Preprocessing(input_size=64)
DETECTOR = {
    "name": "mtcnn",
    "long_side_px": 640,
    "second_look_long_side_px": 1920,
    "min_face_px": 20,
    "stage_thresholds": [0.6, 0.7, 0.7],
    "confidence_threshold": 0.9,
}


def tiny_network(seed: int = 0) -> Network:
    """Random weights, with batch norm statistics and scales that differ from those of a new network, so that nothing cancels out."""
    generator = torch.Generator().manual_seed(seed)
    network = Network(TINY).initialise(generator)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.2, generator=generator)
            elif name.endswith("running_var") or (".bn" in name and name.endswith("weight")):
                tensor.uniform_(0.5, 1.5, generator=generator)
        network.head.fc.weight.normal_(0, 0.3, generator=generator)
        network.head.fc.bias.zero_()
        network.locator.bias.zero_()
        # Answers to noise lie around even odds, where a probability shows every difference.
        noise = (torch.rand(8, 3, 64, 64, generator=generator) - 0.45) / 0.225
        network.head.fc.bias.copy_(-network.eval()(noise).mean(0))
    return network


def tiny_contract(**changes: Any) -> Contract:
    fields: dict[str, Any] = {
        "name": "tiny",
        "format_version": FORMAT_VERSION,
        "architecture": TINY,
        "class_names": CLASS_NAMES,
        "split_point": "layer3",
        "preprocessing": TINY_PREPROCESSING,
        "detector": DETECTOR,
        "sampling": {"frames": 32},
        "pooling": "trimmed_mean",
        "calibration": Calibration(),
        "operating_points": (OperatingPoint(0.05, 0.6, 0.4, 100, 100),),
        "valid_range": {},
        "backbone_fingerprint": "",
        "training_data": (),
        "licence": "Apache-2.0",
        "limits": "Random weights, for tests.",
        "figures": {},
        "code_version": "0",
    }
    return Contract(**{**fields, **changes})


def limits(**changes: Any) -> Limits:
    return Limits(**{"threshold": 0.6, "genuine_below": 0.4, "min_frames": 4, **changes})


def box(x0: float = 10, y0: float = 20, x1: float = 110, y1: float = 140) -> FaceBox:
    return FaceBox(np.array([x0, y0, x1, y1], np.float32), 0.99, np.zeros((5, 2), np.float32))


def face_crop(crop_rgb: np.ndarray[Any, np.dtype[np.uint8]], frame_index: int = 0, track_id: int = 1) -> FaceCrop:
    return FaceCrop(crop_rgb, box(), frame_index, frame_index / 25, track_id, 100.0)


def face_score(p_fake: float, frame_index: int = 0, **changes: Any) -> FaceScore:
    fields: dict[str, Any] = {
        "track_id": 1,
        "frame_index": frame_index,
        "pts_seconds": float(frame_index),
        "logit": float(np.log(max(p_fake, 1e-9) / max(1 - p_fake, 1e-9))),
        "p_fake": p_fake,
        "box_xyxy": box().box_xyxy,
        "confidence": 0.99,
        "face_px": 100.0,
        "sharpness": 100.0,
    }
    return FaceScore(**{**fields, **changes})


def face_scores(p_fakes: Any, **changes: Any) -> list[FaceScore]:
    """One score a second, in order."""
    return [face_score(float(p), i, **changes) for i, p in enumerate(p_fakes)]


def sighting(frames_seen: int, **changes: Any) -> Sighting:
    fields: dict[str, Any] = {
        "track_id": 1,
        "first_seconds": 0.0,
        "last_seconds": float(max(0, frames_seen - 1)),
        "frames_seen": frames_seen,
        "face_px": [100.0] * frames_seen,
    }
    return Sighting(**{**fields, **changes})


def person(outcome: str, p_fake: float | None = 0.5, **changes: Any) -> TrackVerdict:
    fields: dict[str, Any] = {
        "track_id": 1,
        "outcome": outcome,
        "p_fake": p_fake,
        "interval": None if p_fake is None else (p_fake, p_fake),
        "first_seconds": 0.0,
        "last_seconds": 10.0,
        "frames_seen": 32,
        "frames_judged": 32,
        "face_px_median": 100.0,
    }
    return TrackVerdict(**{**fields, **changes})


def verdict(**changes: Any) -> Verdict:
    fields: dict[str, Any] = {
        "source": "clip.mp4",
        "sha256": None,
        "outcome": "genuine",
        "p_fake": 0.1,
        "interval": (0.05, 0.2),
        "threshold": 0.6,
        "operating_point": {"fpr": 0.05},
        "coverage": "complete",
        "reasons": (),
        "warnings": (),
        "video": VideoFacts(),
        "people": (),
        "frames": (),
        "checkpoint": {},
        "settings": {},
        "versions": {},
    }
    return Verdict(**{**fields, **changes})


def portrait(seed: int = 0, side: int = 160) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(side, side, 3): smooth random colours with a little noise, so that blur, blends and moves all leave a trace."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(20, 235, (8, 8, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def portrait_landmarks(side: int = 160) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(5, 2): eyes, nose and mouth corners of a face in the middle of the picture."""
    return np.array([[0.38, 0.42], [0.62, 0.42], [0.5, 0.53], [0.41, 0.64], [0.59, 0.64]], np.float32) * side


def labelled_face(label: str = "real", seed: int = 0, set_name: str = "made", side: int = 160, group: str = "") -> LabelledFace:
    box_xyxy = np.array([0.28, 0.25, 0.72, 0.75], np.float32) * side
    name = f"{set_name}/{label}/{seed}.png"
    return LabelledFace(set_name, label, name, portrait(seed, side), (side, side), box_xyxy, portrait_landmarks(side), group)
