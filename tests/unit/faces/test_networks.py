"""The packaged weights: bit-identical with facenet-pytorch's, and checked for damage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from facenet_pytorch.models import mtcnn as published
from safetensors import safe_open

from screener.errors import DeviceError
from screener.faces import graphs, networks
from screener.faces.networks import NETWORKS, load_networks
from screener.faces.networks_file import WEIGHTS

PUBLISHED = {"pnet": published.PNet, "rnet": published.RNet, "onet": published.ONet}


@pytest.mark.parametrize("number", range(3), ids=list(NETWORKS))
def test_every_tensor_is_the_published_one(number: int) -> None:
    ours, theirs = load_networks("cpu")[number].state_dict(), PUBLISHED[list(NETWORKS)[number]]().state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_file_is_what_the_script_makes_of_the_published_files() -> None:
    script = Path(__file__).parents[3] / "scripts" / "make_mtcnn_weights.py"
    subprocess.run([sys.executable, script, "--check"], check=True, capture_output=True, timeout=120)


def test_the_file_carries_its_source_and_its_licence() -> None:
    with safe_open(WEIGHTS, "pt") as handle:
        about = json.loads(handle.metadata()["about"])
    assert "facenet-pytorch 2.5.3" in about["source"] and set(about["source_sha256"]) == {f"{name}.pt" for name in NETWORKS}
    assert "Permission is hereby granted" in about["license"]


@pytest.mark.parametrize("content", [None, b"", b"no weights", WEIGHTS.read_bytes()[:-100]], ids=["missing", "empty", "other", "cut"])
def test_a_broken_file_of_weights_says_how_to_mend_it(content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mtcnn.safetensors"
    if content is not None:
        path.write_bytes(content)
    for module in (graphs, networks):
        monkeypatch.setattr(module, "WEIGHTS", path)
    graphs.models.cache_clear()
    for load in (graphs.models, lambda: load_networks("cpu")):
        with pytest.raises(DeviceError, match=r"mtcnn\.safetensors cannot be read .*; install screener again: pip install"):
            load()
