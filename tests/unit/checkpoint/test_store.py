"""Saving, loading and verifying: what comes back, and that nothing is left half done."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from screener.checkpoint import (
    Checkpoint,
    Contract,
    attach_head,
    backbone_fingerprint,
    default_checkpoint_path,
    describe,
    load_checkpoint,
    save_checkpoint,
    store,
    verify_checkpoint,
)
from screener.errors import CheckpointError, OutputError
from screener.model.network import Architecture, Network

from .conftest import make_contract, make_network

PICTURES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_float32_comes_back_exactly(tmp_path: Path, contract: Contract, network: Network) -> None:
    save_checkpoint(tmp_path / "a.safetensors", contract, network.state_dict(), quantise=False)
    checkpoint = load_checkpoint(tmp_path / "a.safetensors")
    assert set(checkpoint.state) == {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    for name, tensor in checkpoint.state.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, network.state_dict()[name]), name
    with torch.inference_mode():
        assert torch.equal(checkpoint.build_network()(PICTURES), network(PICTURES))


def test_8_bits_answer_nearly_the_same(saved: Path, network: Network) -> None:
    with torch.inference_mode():
        expected, actual = network(PICTURES), load_checkpoint(saved).build_network()(PICTURES)
    torch.testing.assert_close(actual, expected, atol=0.02, rtol=0.05)
    assert not torch.equal(actual, expected)


def test_8_bits_take_about_a_quarter(tmp_path: Path) -> None:
    wider = Architecture("wider", (1, 1, 1, 1), 32, 16, 16)
    network = Network(wider)
    sizes = {}
    for quantise in (True, False):
        path = tmp_path / f"{quantise}.safetensors"
        save_checkpoint(path, make_contract(architecture=wider), network.state_dict(), quantise=quantise)
        sizes[quantise] = path.stat().st_size
    assert sizes[True] < 0.3 * sizes[False]


def test_contract_comes_back_with_the_fingerprint(saved_either: Path, contract: Contract) -> None:
    checkpoint = load_checkpoint(str(saved_either))
    assert replace(checkpoint.contract, backbone_fingerprint="") == contract
    assert checkpoint.contract.backbone_fingerprint == backbone_fingerprint(checkpoint.state)
    assert checkpoint.sha256 == hashlib.sha256(saved_either.read_bytes()).hexdigest()
    assert checkpoint.path == saved_either


def test_a_backbone_keeps_its_fingerprint_through_saves(tmp_path: Path, saved: Path) -> None:
    first = load_checkpoint(saved)
    for quantise in (True, False, True):
        save_checkpoint(tmp_path / "next.safetensors", first.contract, first.state, quantise=quantise)
        again = load_checkpoint(tmp_path / "next.safetensors")
        assert again.contract.backbone_fingerprint == first.contract.backbone_fingerprint
        assert all(torch.equal(again.state[name], tensor) for name, tensor in first.state.items())
    assert (tmp_path / "next.safetensors").read_bytes() == saved.read_bytes()


def test_fingerprint_sees_names_shapes_values_and_only_the_backbone(state: dict[str, Tensor]) -> None:
    original = backbone_fingerprint(state)
    name = "backbone.conv1.weight"
    assert backbone_fingerprint({**state, "head.fc.bias": torch.ones(2)}) == original
    assert backbone_fingerprint(dict(reversed(state.items()))) == original
    assert backbone_fingerprint({**state, name: state[name].contiguous(memory_format=torch.channels_last)}) == original
    assert backbone_fingerprint({**state, name: state[name] + 1e-3}) != original
    assert backbone_fingerprint({**state, name: state[name].flatten()}) != original
    assert backbone_fingerprint({**state, "backbone.more": torch.ones(1)}) != original


def test_built_network_is_ready_for_scanning(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    network = checkpoint.build_network()
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(tensor.is_meta for tensor in network.state_dict().values())
    name = "head.fc.weight"
    assert network.state_dict()[name].data_ptr() == checkpoint.state[name].data_ptr()


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


def test_loaded_weights_outlive_the_file(saved_either: Path) -> None:
    checkpoint = load_checkpoint(saved_either)
    before = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    with saved_either.open("r+b") as file:
        file.write(b"\0" * saved_either.stat().st_size)
    assert all(torch.equal(tensor, before[name]) for name, tensor in checkpoint.state.items())


def test_any_float_type_and_memory_order_can_be_saved(tmp_path: Path, contract: Contract, network: Network) -> None:
    half = network.to(torch.float16, memory_format=torch.channels_last)
    save_checkpoint(tmp_path / "half.safetensors", contract, half.state_dict(), quantise=False)
    loaded = load_checkpoint(tmp_path / "half.safetensors").state
    assert all(torch.equal(tensor, half.state_dict()[name].float()) for name, tensor in loaded.items())


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("head.fc.weight", lambda t: t * float("nan"), r"head\.fc\.weight: holds NaN or infinite"),
        ("head.layer4.0.conv1.weight", lambda t: t / 0, r"head\.layer4\.0\.conv1\.weight: holds NaN or infinite"),
        ("backbone.bn1.running_var", lambda t: -t, r"backbone\.bn1\.running_var: holds a negative variance"),
        ("head.fc.weight", lambda t: t[:1], r"head\.fc\.weight: expected shape \(2, 128\) for architecture 'tiny', got \(1, 128\)"),
        ("head.fc.weight", lambda t: t.to(torch.int64), r"head\.fc\.weight: expected floating point"),
        ("head.extra.weight", None, r"'head\.extra\.weight': architecture 'tiny' has no such tensor"),
    ],
)
def test_wrong_weights_are_not_saved(tmp_path: Path, contract: Contract, state: dict[str, Tensor], name: str, change, message: str) -> None:  # type: ignore[no-untyped-def]
    state[name] = torch.ones(1) if change is None else change(state[name])
    with pytest.raises(CheckpointError, match=message):
        save_checkpoint(tmp_path / "a.safetensors", contract, state)
    assert list(tmp_path.iterdir()) == []


def test_wrong_contract_is_not_saved(tmp_path: Path, state: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointError, match=r"figures\.auc: expected a finite number"):
        save_checkpoint(tmp_path / "a.safetensors", make_contract(figures={"auc": float("nan")}), state)
    assert list(tmp_path.iterdir()) == []


def test_failing_to_write_keeps_what_was_there(saved: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputError, match=r"tiny\.safetensors: cannot be written: No space left"):
        save_checkpoint(saved, make_contract(name="another"), state)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_reader_of_the_old_file_is_not_disturbed(saved: Path, state: dict[str, Tensor]) -> None:
    before = saved.read_bytes()
    with saved.open("rb") as reader:
        save_checkpoint(saved, make_contract(name="another"), state)
        assert reader.read() == before
    assert saved.read_bytes() != before


def test_saving_into_no_folder(tmp_path: Path, contract: Contract, state: dict[str, Tensor]) -> None:
    with pytest.raises(OutputError, match="check the folder"):
        save_checkpoint(tmp_path / "nowhere" / "a.safetensors", contract, state)


def test_saving_replaces_and_keeps_ordinary_permissions(saved: Path, state: dict[str, Tensor]) -> None:
    save_checkpoint(saved, make_contract(name="another"), state)
    assert load_checkpoint(saved).contract.name == "another"
    plain = saved.with_name("plain")
    plain.touch()
    assert saved.stat().st_mode == plain.stat().st_mode


def test_a_head_goes_on_its_own_backbone(tmp_path: Path, saved: Path) -> None:
    backbone = load_checkpoint(saved)
    other = make_network(seed=1)
    head = {f"head.{name}": tensor for name, tensor in other.head.state_dict().items()}
    state = attach_head(backbone, head, backbone.contract.backbone_fingerprint)
    save_checkpoint(tmp_path / "new.safetensors", backbone.contract, state, quantise=False)
    loaded = load_checkpoint(tmp_path / "new.safetensors")
    assert loaded.contract.backbone_fingerprint == backbone.contract.backbone_fingerprint
    assert torch.equal(loaded.state["head.fc.weight"], other.head.fc.weight)
    assert torch.equal(loaded.state["locator.weight"], backbone.state["locator.weight"])


def test_a_head_is_refused_on_another_backbone(saved: Path, network: Network) -> None:
    backbone = load_checkpoint(saved)
    head = {f"head.{name}": tensor for name, tensor in network.head.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"trained on the backbone 'cdcd.*tiny test head.*extract and train again"):
        attach_head(backbone, head, "cd" * 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda head: head.pop("head.fc.bias"), r"head\.fc\.bias: missing"),
        (lambda head: head.update({"backbone.conv1.weight": torch.ones(1)}), r"start with 'head\.' or 'locator\.', got 'backbone"),
        (lambda head: head.update({"head.fc.bias": torch.tensor([0.0, float("inf")])}), r"head\.fc\.bias: holds NaN or infinite"),
        (lambda head: head.update({"head.fc.bias": torch.ones(3)}), r"head\.fc\.bias: expected shape \(2,\)"),
    ],
)
def test_an_unfit_head_is_refused(saved: Path, network: Network, change, message: str) -> None:  # type: ignore[no-untyped-def]
    backbone = load_checkpoint(saved)
    head = {f"head.{name}": tensor for name, tensor in network.head.state_dict().items()}
    change(head)
    with pytest.raises(CheckpointError, match=message):
        attach_head(backbone, head, backbone.contract.backbone_fingerprint)


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


def test_verify_names_every_check_in_order(saved_either: Path) -> None:
    results = verify_checkpoint(saved_either)
    checks = ["file", "contract", "preprocessing", "tensors", "values", "fingerprint", "sha256", "network"]
    assert [check for check, _ in results] == checks
    said = dict(results)
    assert said["sha256"] == hashlib.sha256(saved_either.read_bytes()).hexdigest()
    assert load_checkpoint(saved_either).contract.backbone_fingerprint in said["fingerprint"]


def test_verify_runs_the_network(tmp_path: Path, contract: Contract, state: dict[str, Tensor]) -> None:
    # Finite weights whose answer is not: only running them shows it.
    state["head.fc.bias"] = torch.full((2,), 3.4e38)
    state["head.fc.weight"] = torch.full_like(state["head.fc.weight"], 3.4e38)
    save_checkpoint(tmp_path / "a.safetensors", contract, state, quantise=False)
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
