"""Saving: the round trip, each distinct channel stored once, and no partial files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import FROM_TINY, TINY, WIDE
from safetensors.torch import load_file
from torch import Tensor

from screener.checkpoint import Contract, attach_head, backbone_fingerprint, load_checkpoint, save_checkpoint
from screener.checkpoint.saving import require_checkpoint_name
from screener.checkpoint.storage import STORAGES
from screener.errors import CheckpointError, OutputError
from screener.model.architecture import Architecture
from screener.model.copies import NO_COPIES, Copies, Widening
from screener.model.network import Network
from screener.model.widening import widen

from .conftest import PICTURES, make_contract, make_network


def test_float32_comes_back_exactly(tmp_path: Path, contract: Contract, network: Network) -> None:
    save_checkpoint(tmp_path / "a.safetensors", contract, network.state_dict(), storage="float32")
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


def test_16_bits_answer_the_same_to_three_digits(tmp_path: Path, contract: Contract, network: Network) -> None:
    save_checkpoint(tmp_path / "a.safetensors", contract, network.state_dict(), storage="float16")
    with torch.inference_mode():
        expected, actual = network(PICTURES), load_checkpoint(tmp_path / "a.safetensors").build_network()(PICTURES)
    torch.testing.assert_close(actual, expected, atol=2e-3, rtol=2e-3)
    assert not torch.equal(actual, expected)


def test_storage_can_be_told_convolution_by_convolution(tmp_path: Path, contract: Contract, network: Network) -> None:
    told = {"backbone.conv1.weight": "float32", "backbone.layer1.0.conv1.weight": "int8"}
    save_checkpoint(tmp_path / "a.safetensors", contract, network.state_dict(), storage=told)
    types = {name: tensor.dtype for name, tensor in load_file(tmp_path / "a.safetensors").items()}
    assert types["backbone.conv1.weight"] == torch.float32 and types["backbone.layer1.0.conv1.weight"] == torch.int8
    assert types["backbone.layer2.0.conv1.weight"] == torch.float16 and types["head.layer4.0.conv1.weight"] == torch.int8


@pytest.mark.parametrize("given", ["distinct", "whole"])
def test_a_file_holds_each_distinct_channel_once(tmp_path: Path, given: str, storage: str) -> None:
    """Whether it is given the narrow network and told how often each channel stands in the wide one, or finds that in the wide one."""
    narrow, path = make_network().state_dict(), tmp_path / "wide.safetensors"
    told, state = (FROM_TINY, narrow) if given == "distinct" else (NO_COPIES, widen(narrow, FROM_TINY))
    save_checkpoint(path, make_contract(architecture=WIDE, copies=told), state, storage=storage)
    plain = tmp_path / "plain.safetensors"
    save_checkpoint(plain, make_contract(), narrow, storage=storage)
    assert {name: tuple(t.shape) for name, t in load_file(path).items()} == {name: tuple(t.shape) for name, t in load_file(plain).items()}
    loaded = load_checkpoint(path)
    assert loaded.contract.copies == FROM_TINY and loaded.contract.architecture == WIDE
    assert all(torch.equal(tensor, loaded.distinct[name]) for name, tensor in load_checkpoint(plain).distinct.items())


def test_both_ways_of_saving_give_the_same_file(tmp_path: Path) -> None:
    narrow = make_network().state_dict()
    save_checkpoint(tmp_path / "a.safetensors", make_contract(architecture=WIDE, copies=FROM_TINY), narrow)
    save_checkpoint(tmp_path / "b.safetensors", make_contract(architecture=WIDE), widen(narrow, FROM_TINY))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_copies_that_parted_in_training_are_stored_as_they_are(tmp_path: Path) -> None:
    parted = widen(make_network().state_dict(), FROM_TINY, noise=0.01, generator=torch.Generator().manual_seed(0))
    save_checkpoint(tmp_path / "a.safetensors", make_contract(architecture=WIDE, copies=FROM_TINY), parted, storage="float32")
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert loaded.contract.copies.backbone == Widening(1, 1, 1)
    assert all(torch.equal(loaded.state[name], tensor) for name, tensor in parted.items() if "num_batches" not in name)


@pytest.mark.parametrize("by", [Widening(1, 4, 2), Widening(2, 3, 3), Widening(1, 1, 5)])
def test_a_backbone_has_one_fingerprint_however_its_file_holds_it(tmp_path: Path, by: Widening) -> None:
    """Features that were made with the wide weights of an older file go on fitting the narrow ones of a newer."""
    wide = Architecture("wide", TINY.blocks, TINY.inner_width * by.inner, TINY.outer_width * by.outer, TINY.stem_width * by.stem)
    narrow = make_network().state_dict()
    save_checkpoint(tmp_path / "a.safetensors", make_contract(architecture=wide, copies=Copies.of_all(by)), narrow, storage="float32")
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert loaded.contract.backbone_fingerprint == backbone_fingerprint(widen(narrow, by)) == backbone_fingerprint(loaded.state)
    assert loaded.contract.backbone_fingerprint != backbone_fingerprint(narrow)


def test_weights_of_neither_shape_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    wrong = make_contract(architecture=WIDE, copies=Copies.of_all(Widening(1, 2, 2)))
    with pytest.raises(CheckpointError, match=r"expected shape .* for architecture 'wide' with each distinct channel once, got"):
        save_checkpoint(tmp_path / "a.safetensors", wrong, state)
    with pytest.raises(CheckpointError, match=r"expected shape .* for architecture 'wide', got"):
        save_checkpoint(tmp_path / "a.safetensors", make_contract(architecture=WIDE), state)
    assert list(tmp_path.iterdir()) == []


def test_each_storage_takes_the_space_that_it_should(tmp_path: Path) -> None:
    wider = Architecture("wider", (1, 1, 1, 1), 32, 16, 16)
    network = Network(wider)
    sizes = {}
    for storage in STORAGES:
        path = tmp_path / f"{storage}.safetensors"
        save_checkpoint(path, make_contract(architecture=wider), network.state_dict(), storage=storage)
        sizes[storage] = path.stat().st_size
    assert sizes["int8"] < 0.33 * sizes["float32"]
    assert sizes["int8"] < sizes["mixed"] < sizes["float16"] < 0.55 * sizes["float32"]


def test_a_backbone_keeps_its_fingerprint_through_saves(tmp_path: Path, saved: Path) -> None:
    first = load_checkpoint(saved)
    for storage in ("int8", "float32", "int8"):
        save_checkpoint(tmp_path / "next.safetensors", first.contract, first.state, storage=storage)
        again = load_checkpoint(tmp_path / "next.safetensors")
        assert again.contract.backbone_fingerprint == first.contract.backbone_fingerprint
        assert all(torch.equal(again.state[name], tensor) for name, tensor in first.state.items())
    assert (tmp_path / "next.safetensors").read_bytes() == saved.read_bytes()


def test_any_float_type_and_memory_order_can_be_saved(tmp_path: Path, contract: Contract, network: Network) -> None:
    half = network.to(torch.float16, memory_format=torch.channels_last)
    save_checkpoint(tmp_path / "half.safetensors", contract, half.state_dict(), storage="float32")
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
    save_checkpoint(tmp_path / "new.safetensors", backbone.contract, state, storage="float32")
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


def test_a_head_of_its_own_goes_on_a_backbone_of_few_channels(tmp_path: Path, saved_wide: Path) -> None:
    """It was trained on all the channels that the architecture promises; backbone and fingerprint stay, the locator answers as it did."""
    backbone = load_checkpoint(saved_wide)
    torch.manual_seed(3)
    trained = Network(WIDE).eval()
    head = {f"head.{name}": tensor for name, tensor in trained.head.state_dict().items()}
    state = attach_head(backbone, head, backbone.contract.backbone_fingerprint)
    save_checkpoint(tmp_path / "new.safetensors", backbone.contract, state, storage="float32")
    loaded = load_checkpoint(tmp_path / "new.safetensors")
    assert loaded.contract.copies == Copies(FROM_TINY.backbone, Widening())
    assert loaded.contract.backbone_fingerprint == backbone.contract.backbone_fingerprint
    whole = backbone.written_out().build_network()
    with torch.inference_mode():
        features = whole.backbone(PICTURES)
        logits, where = loaded.build_network().forward_with_map(PICTURES)
        torch.testing.assert_close(logits, trained.head(features))
        torch.testing.assert_close(where, whole.locator(features)[:, 0])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", r"folder: is a folder; name the checkpoint file to write, such as .*folder/own\.safetensors$"),
        ("head.csv", r"head\.csv: expected the name of a checkpoint, which ends in \.safetensors, such as .*/own\.safetensors$"),
    ],
)
def test_what_may_not_become_a_checkpoint_is_refused_before_the_work(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=message):
        require_checkpoint_name(tmp_path / name)
    require_checkpoint_name(tmp_path / "own.safetensors")


def test_a_head_comes_with_its_locator_and_nothing_else(saved: Path) -> None:
    backbone = load_checkpoint(saved)
    fingerprint = backbone.contract.backbone_fingerprint
    head = {name: values for name, values in backbone.state.items() if name.startswith(("head.", "locator."))}
    changed = {name: values + 1 for name, values in head.items() if not name.endswith("running_var")}
    whole = attach_head(backbone, {**head, **changed}, fingerprint)
    assert all(np.allclose(whole[name], values) for name, values in changed.items())
    assert any(name.startswith("locator.") for name in changed)
    with pytest.raises(CheckpointError, match=r"expected names that start with 'head\.' or 'locator\.', got 'neck\.fc'"):
        attach_head(backbone, {**head, "neck.fc": torch.ones(1)}, fingerprint)


def test_a_file_is_ascii_whatever_the_contract_says_and_replaces_a_link(tmp_path: Path, network: Network) -> None:
    """Other readers of safetensors may not take the contract for UTF-8; and the file behind a link may be somebody else's."""
    other, link = tmp_path / "other.safetensors", tmp_path / "link.safetensors"
    other.write_bytes(b"somebody's")
    link.symlink_to(other)
    save_checkpoint(link, make_contract(name="Gesichter öffnen"), network.state_dict())
    assert other.read_bytes() == b"somebody's" and not link.is_symlink()
    assert load_checkpoint(link).contract.name == "Gesichter öffnen"
    content = link.read_bytes()
    assert content[8 : 8 + int.from_bytes(content[:8], "little")].isascii()
