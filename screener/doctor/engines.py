"""Whether the engines that a scan may choose by itself on the processor score alike: OpenCV, and an 8-bit model beside the checkpoint."""

from __future__ import annotations

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


def compare_engines(checkpoint: Checkpoint, specimen: Specimen) -> str:
    """Score a few faces with PyTorch in float32 and with each of the others. Raises Fault where `p_fake` differs by too much."""
    frames = [*zip(specimen.genuine, specimen.boxes_xyxy, strict=True)][:CROPS]
    crops = np.stack([crop_face(picture, box_xyxy, checkpoint.contract.preprocessing) for picture, box_xyxy in frames])
    expected = _p_fake(checkpoint, build_scorer(checkpoint, REFERENCE), crops)
    beside = model_beside(checkpoint)
    told = []
    for name in ["opencv", *(["onnxruntime"] if beside and beside.is_file() else [])]:
        scorer = build_scorer(checkpoint, ScanSettings(device="cpu", engine=name))
        apart = float(np.abs(_p_fake(checkpoint, scorer, crops) - expected).max())
        tolerance = TOLERANCE_P_FAKE[scorer.dtype_name]
        if not apart <= tolerance:
            raise Fault(f"{name} gives p_fake that is {apart:.4f} from PyTorch's in float32; up to {tolerance:g} is usual")
        told.append(f"{name} {apart:.1g}")
    return f"p_fake differs from PyTorch's in float32 by at most: {', '.join(told)}"


def _p_fake(checkpoint: Checkpoint, scorer: Scorer, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    calibration = checkpoint.contract.calibration
    return np.array([calibrated(float(logit), calibration.temperature, calibration.bias) for logit in scorer.logits(crops_rgb)])
