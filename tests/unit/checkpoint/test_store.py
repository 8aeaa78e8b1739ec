"""Loading and verifying checkpoints."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from builders import FROM_TINY, WIDE
from torch import Tensor

from screener.checkpoint import (
    Checkpoint,
    Contract,
    backbone_fingerprint,
    default_checkpoint_path,
    describe,
    load_checkpoint,
    require_fingerprint,
    save_checkpoint,
    store,
    verify_checkpoint,
)
from screener.checkpoint.tensors import expected_shapes
from screener.errors import CheckpointError
from screener.model.architecture import Architecture
from screener.model.copies import NO_COPIES, Copies, Widening
from screener.model.network import Network

from .conftest import PICTURES, make_contract
from .files import reseal


def test_contract_comes_back_with_the_fingerprint(saved_any: Path, contract: Contract) -> None:
    checkpoint = load_checkpoint(str(saved_any))
    assert replace(checkpoint.contract, backbone_fingerprint="") == contract
    assert checkpoint.contract.backbone_fingerprint == backbone_fingerprint(checkpoint.state)
    assert checkpoint.sha256 == hashlib.sha256(saved_any.read_bytes()).hexdigest()
    assert checkpoint.path == saved_any


def test_built_network_is_ready_for_scanning(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    network = checkpoint.build_network()
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(tensor.is_meta for tensor in network.state_dict().values())
    name = "head.fc.weight"
    assert network.state_dict()[name].data_ptr() == checkpoint.distinct[name].data_ptr()


def test_training_a_built_network_leaves_the_checkpoint_alone(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    before = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    network = checkpoint.build_network(trainable=True).train()
    assert all(parameter.requires_grad for parameter in network.parameters())
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    network(PICTURES).square().sum().backward()
    optimiser.step()
    assert not torch.equal(network.state_dict()["head.fc.weight"], before["head.fc.weight"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in checkpoint.state.items())


def test_loaded_weights_outlive_the_file(saved_any: Path) -> None:
    checkpoint = load_checkpoint(saved_any)
    before = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    with saved_any.open("r+b") as file:
        file.write(b"\0" * saved_any.stat().st_size)
    assert all(torch.equal(tensor, before[name]) for name, tensor in checkpoint.state.items())


def test_default_comes_from_the_package_then_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "screener"
    monkeypatch.setattr(store, "PACKAGE_FOLDER", package)
    with pytest.raises(CheckpointError, match=r"default checkpoint is missing.*install screener again"):
        default_checkpoint_path()
    for folder in (tmp_path / "weights", package / "_weights"):
        folder.mkdir(parents=True)
    (tmp_path / "weights" / "default.safetensors").touch()
    with pytest.raises(CheckpointError, match="missing"):
        default_checkpoint_path()  # a folder called weights beside an installed package is someone else's
    (tmp_path / "pyproject.toml").touch()
    assert default_checkpoint_path() == tmp_path / "weights" / "default.safetensors"
    (package / "_weights" / "default.safetensors").touch()
    assert default_checkpoint_path() == package / "_weights" / "default.safetensors"


def test_no_path_loads_the_default(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PACKAGE_FOLDER", tmp_path / "screener")
    (tmp_path / "screener" / "_weights").mkdir(parents=True)
    saved.rename(tmp_path / "screener" / "_weights" / "default.safetensors")
    assert load_checkpoint().contract.name == "tiny test head"


def test_verify_names_every_check_in_order(saved_any: Path) -> None:
    results = verify_checkpoint(saved_any)
    checks = ["file", "contract", "preprocessing", "tensors", "seal", "values", "sha256", "fingerprint", "network"]
    assert [check for check, _ in results] == checks
    said, loaded = dict(results), load_checkpoint(saved_any)
    numbers = sum(values.size for values in loaded.weights.values())
    assert said["file"] == f"a safetensors file of {saved_any.stat().st_size / 1e6:.1f} MB, header and length agree"
    assert said["contract"] == "format version 4, every field present and in range"
    assert said["preprocessing"] == "this screener cuts, resizes and normalises faces by the checkpoint's rules"
    assert re.fullmatch(rf"\d+, with the names, types and shapes of {loaded.contract.architecture.name}", said["tensors"])
    assert re.fullmatch("contract and weights are as they were written, their SHA-256 is [0-9a-f]{64}", said["seal"])
    assert said["values"] == f"{numbers:,} numbers, all finite"
    assert said["sha256"] == loaded.sha256 == hashlib.sha256(saved_any.read_bytes()).hexdigest()
    assert said["fingerprint"] == f"the backbone is {loaded.contract.backbone_fingerprint}, as the contract says"
    assert said["network"] == "runs on a grey picture of 32 x 32 pixels and answers with finite numbers"
    assert loaded.path == saved_any


def test_verify_runs_the_network(tmp_path: Path, contract: Contract, state: dict[str, Tensor]) -> None:
    # Finite weights whose answer is not: only running them shows it.
    state["head.fc.bias"] = torch.full((2,), 3.4e38)
    state["head.fc.weight"] = torch.full_like(state["head.fc.weight"], 3.4e38)
    save_checkpoint(tmp_path / "a.safetensors", contract, state, storage="float32")
    load_checkpoint(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="not with finite numbers"):
        verify_checkpoint(tmp_path / "a.safetensors")


def test_summary_is_small_and_ready_for_json(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    assert json.loads(json.dumps(checkpoint.summary())) == {
        "name": "tiny test head",
        "sha256": checkpoint.sha256,
        "architecture": "tiny",
        "licence": "Apache-2.0",
        "training_data": ["made-up faces"],
        "limits": "Made for tests.",
        "calibration": {"temperature": 1.5, "bias": -0.25},
        "pooling": "mean",
    }


def test_description_says_what_a_reader_asks(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    rows = dict(describe(checkpoint))
    assert rows["name"] == "tiny test head"
    assert rows["calibration"] == "p_fake = sigmoid(logit / 1.5 -0.25)"
    assert rows["at 5% false positives"] == "fake from 0.700, genuine below 0.200, measured on 120 real and 130 fake videos"
    assert rows["valid face_px"] == "40 to 600"
    assert rows["learned from"].startswith("made-up faces: 1,000 pictures, CC0-1.0")
    assert rows["detector"] == "name mtcnn, stage_thresholds [0.6, 0.7, 0.7]"
    assert checkpoint.contract.backbone_fingerprint in rows["backbone"]


def test_a_checkpoint_made_by_hand_is_checked_when_built(contract: Contract, state: dict[str, Tensor]) -> None:
    weights = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert Checkpoint(contract, weights, None, "").build_network()(PICTURES).shape == (2, 2)
    del weights["head.fc.bias"]
    with pytest.raises(CheckpointError, match=r"head\.fc\.bias: missing"):
        Checkpoint(contract, weights, None, "").build_network()


def test_the_network_runs_the_distinct_channels_and_is_the_wide_one(saved_wide: Path) -> None:
    checkpoint = load_checkpoint(saved_wide)
    network, whole = checkpoint.build_network(), Network(WIDE).eval()
    whole.load_state_dict(checkpoint.state)
    assert network.backbone.layer3[0].conv2.out_channels == 32 and whole.backbone.layer3[0].conv2.out_channels == 128
    with torch.inference_mode():
        for actual, expected in zip(network.forward_with_map(PICTURES), whole.forward_with_map(PICTURES), strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
        assert network.backbone(PICTURES).shape == (2, 64, 2, 2), "inside, nothing is computed twice"
        features = checkpoint.build_backbone()(PICTURES)
        assert features.shape == (2, WIDE.feature_channels, 2, 2) == (2, 128, 2, 2)
        torch.testing.assert_close(features, whole.backbone(PICTURES), rtol=1e-4, atol=1e-5)


def test_copies_written_out_answer_the_same(saved_wide: Path) -> None:
    checkpoint = load_checkpoint(saved_wide)
    plain = checkpoint.written_out()
    assert plain.contract.copies == NO_COPIES
    assert {name: tuple(t.shape) for name, t in plain.distinct.items()} == expected_shapes(WIDE)
    with torch.inference_mode():
        torch.testing.assert_close(plain.build_network()(PICTURES), checkpoint.build_network()(PICTURES), rtol=1e-4, atol=1e-5)


def test_a_narrow_architecture_that_was_never_widened_is_itself(tmp_path: Path) -> None:
    shape = Architecture("slim", blocks=(1, 2, 1, 1), inner_width=6, outer_width=3, stem_width=5)
    torch.manual_seed(0)
    network = Network(shape).eval()
    save_checkpoint(tmp_path / "slim.safetensors", make_contract(architecture=shape), network.state_dict(), storage="float32")
    checkpoint = load_checkpoint(tmp_path / "slim.safetensors")
    assert checkpoint.contract.copies == NO_COPIES and checkpoint.state is checkpoint.distinct
    with torch.inference_mode():
        assert torch.equal(checkpoint.build_network()(PICTURES), network(PICTURES))
        assert checkpoint.build_backbone()(PICTURES).shape == (2, 48, 2, 2)


def test_a_wrong_fingerprint_is_found_by_verifying_not_by_loading(saved: Path, contract: Contract) -> None:
    """A file that is sound but names another backbone than it holds was made so, not damaged; the hash that it carries is right."""
    reseal(saved, change_contract=lambda fields: fields.update(backbone_fingerprint="ab" * 32))
    loaded = load_checkpoint(saved)
    for refuse in (lambda: verify_checkpoint(saved), lambda: require_fingerprint(loaded)):
        with pytest.raises(CheckpointError, match=r"tiny.safetensors: backbone_fingerprint: the contract says 'abab.*make it again"):
            refuse()


def test_the_description_names_the_widths_that_are_stored(saved: Path, saved_wide: Path) -> None:
    plain, copied = (dict(describe(load_checkpoint(path))) for path in (saved, saved_wide))
    assert plain["architecture"] == "tiny with 1, 1, 1, 1 blocks, widths inner 8, outer 4, stem 4"
    assert copied["architecture"] == (
        "wide with 1, 1, 1, 1 blocks, widths inner 32, outer 8, stem 4, of which those stored and computed are "
        "widths inner 8, outer 4, stem 4"
    )
    assert plain["weights"] == copied["weights"]
    backbone = load_checkpoint(saved_wide)
    own = replace(backbone, contract=replace(backbone.contract, copies=Copies(FROM_TINY.backbone, Widening())))
    assert dict(describe(own))["architecture"].endswith("inner 8, outer 4, stem 4 in the backbone, widths inner 32, outer 8 in the head")
