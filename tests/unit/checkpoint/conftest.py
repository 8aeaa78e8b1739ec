"""A tiny network, its contract, its saved file, and its widened version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from builders import FROM_TINY, TINY, WIDE
from torch import Tensor

from screener.checkpoint import FORMAT_VERSION, Calibration, Contract, DataSet, OperatingPoint, save_checkpoint
from screener.checkpoint.storage import STORAGES
from screener.model.architecture import CLASS_NAMES
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing

PICTURES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def make_network(seed: int = 0) -> Network:
    """Random weights, and batch norm statistics that differ from those a new network has."""
    torch.manual_seed(seed)
    network = Network(TINY)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return network.eval()


def make_contract(**changes: Any) -> Contract:
    fields: dict[str, Any] = {
        "name": "tiny test head",
        "format_version": FORMAT_VERSION,
        "architecture": TINY,
        "class_names": CLASS_NAMES,
        "split_point": "layer3",
        "preprocessing": Preprocessing(input_size=32),
        "detector": {"name": "mtcnn", "stage_thresholds": [0.6, 0.7, 0.7]},
        "sampling": {"frames": 32},
        "pooling": "mean",
        "calibration": Calibration(1.5, -0.25),
        "operating_points": (OperatingPoint(0.01, 0.9, 0.3, 120, 130), OperatingPoint(0.05, 0.7, 0.2, 120, 130)),
        "valid_range": {"face_px": (40.0, 600.0), "sharpness": (8.0, 5000.0)},
        "backbone_fingerprint": "",
        "training_data": (DataSet("made-up faces", "ab" * 32, 1000, "CC0-1.0"),),
        "licence": "Apache-2.0",
        "limits": "Made for tests.",
        "figures": {"video_auc": {"value": 0.91, "interval": [0.88, 0.94]}},
        "code_version": "0.1.0",
    }
    return Contract(**{**fields, **changes})


@pytest.fixture
def contract() -> Contract:
    return make_contract()


@pytest.fixture
def network() -> Network:
    return make_network()


@pytest.fixture
def state(network: Network) -> dict[str, Tensor]:
    return dict(network.state_dict())


@pytest.fixture(scope="session")
def _saved_bytes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    made: dict[str, bytes] = {}

    def make(storage: str) -> bytes:
        if storage not in made:
            path = tmp_path_factory.mktemp("saved") / "tiny.safetensors"
            save_checkpoint(path, make_contract(), make_network().state_dict(), storage=storage)
            made[storage] = path.read_bytes()
        return made[storage]

    return make


@pytest.fixture(params=list(STORAGES))
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def saved(tmp_path: Path, _saved_bytes: Callable[[str], bytes]) -> Path:
    """A fresh copy of a sound 8-bit checkpoint."""
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(_saved_bytes("int8"))
    return path


@pytest.fixture
def saved_any(tmp_path: Path, _saved_bytes: Callable[[str], bytes], storage: str) -> Path:
    """A fresh copy of a sound checkpoint, in each storage."""
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(_saved_bytes(storage))
    return path


@pytest.fixture
def saved_wide(tmp_path: Path) -> Path:
    """A checkpoint of WIDE that holds TINY's channels."""
    path = tmp_path / "wide.safetensors"
    save_checkpoint(path, make_contract(architecture=WIDE, copies=FROM_TINY), make_network().state_dict())
    return path
