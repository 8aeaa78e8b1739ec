"""A tiny checkpoint on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from screener.checkpoint import FORMAT_VERSION, Calibration, Contract, DataSet, OperatingPoint, save_checkpoint
from screener.faces import MtcnnDetector
from screener.model.architecture import CLASS_NAMES, Architecture
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing

TINY = Architecture("tiny", blocks=(1, 1, 1, 1), inner_width=8, outer_width=4, stem_width=4)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("doctor") / "tiny.safetensors"
    contract = Contract(
        name="tiny test head",
        format_version=FORMAT_VERSION,
        architecture=TINY,
        class_names=CLASS_NAMES,
        split_point="layer3",
        preprocessing=Preprocessing(),
        detector=MtcnnDetector().contract(),
        sampling={"frames": 32},
        pooling="mean",
        calibration=Calibration(),
        operating_points=(OperatingPoint(0.05, 0.7, 0.2, 120, 130),),
        valid_range={"face_px": (40.0, 600.0), "sharpness": (8.0, 5000.0)},
        backbone_fingerprint="",
        training_data=(DataSet("made-up faces", "ab" * 32, 1000, "CC0-1.0"),),
        licence="Apache-2.0",
        limits="Made for tests.",
        figures={},
        code_version="0.1.0",
    )
    save_checkpoint(path, contract, Network(TINY).state_dict())
    return path
