"""Whether the engines that a scan may choose by itself on the processor score alike: OpenCV, and an 8-bit model beside the checkpoint."""

from __future__ import annotations

import importlib.util

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import Checkpoint
from screener.doctor.findings import Fault
from screener.doctor.specimen import Specimen
from screener.model.preprocessing import crop_face
from screener.scanning.engines import build_scorer, model_beside
from screener.scoring import TOLERANCE_P_FAKE, Scorer
from screener.settings import ScanSettings
from screener.verdict.judging import calibrated

CROPS = 3
REFERENCE = ScanSettings(device="cpu", engine="torch", dtype="float32")

MOST_APART = {"float32": (TOLERANCE_P_FAKE["float32"], TOLERANCE_P_FAKE["float32"]), "int8": (0.02, 0.1)}
"""dtype -> largest usual mean and worst difference of p_fake. In 8 bits it is what `screener export` promises, see `export.agreement`."""


def compare_engines(checkpoint: Checkpoint, specimen: Specimen) -> str:
    """Score a few faces with PyTorch in float32 and with each of the others. Raises Fault where `p_fake` differs by too much."""
    frames = [*zip(specimen.genuine, specimen.boxes_xyxy, strict=True)][:CROPS]
    crops = np.stack([crop_face(picture, box_xyxy, checkpoint.contract.preprocessing) for picture, box_xyxy in frames])
    expected = _p_fake(checkpoint, build_scorer(checkpoint, REFERENCE), crops)
    told = []
    for name in ["opencv", *(["onnxruntime"] if _has_model_beside(checkpoint) else [])]:
        scorer = build_scorer(checkpoint, ScanSettings(device="cpu", engine=name))
        apart = np.abs(_p_fake(checkpoint, scorer, crops) - expected)
        for kind, value, most in zip(("", " on average"), (apart.max(), apart.mean()), MOST_APART[scorer.dtype_name][::-1], strict=True):
            if not value <= most:
                raise Fault(f"{name} gives p_fake that is {value:.4f} from PyTorch's in float32{kind}; up to {most:g} is usual")
        told.append(f"{name} {apart.max():.1g}")
    return f"p_fake differs from PyTorch's in float32 by at most: {', '.join(told)}"


def _has_model_beside(checkpoint: Checkpoint) -> bool:
    """Whether there is a model that a scan would take: without onnxruntime it takes none (`scanning.engines`)."""
    beside = model_beside(checkpoint)
    return bool(beside and beside.is_file() and importlib.util.find_spec("onnxruntime"))


def _p_fake(checkpoint: Checkpoint, scorer: Scorer, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    calibration = checkpoint.contract.calibration
    return np.array([calibrated(float(logit), calibration.temperature, calibration.bias) for logit in scorer.logits(crops_rgb)])
