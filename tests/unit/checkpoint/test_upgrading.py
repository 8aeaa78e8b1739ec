"""Files of format version 1: read, checked against their fingerprint, and converted to distinct channels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from builders import FROM_TINY, TINY, WIDE
from safetensors.torch import load_file

from screener.checkpoint import (
    FORMAT_VERSION,
    Calibration,
    Contract,
    default_checkpoint_path,
    describe,
    load_checkpoint,
    save_checkpoint,
    save_contract,
    verify_checkpoint,
)
from screener.errors import CheckpointError
from screener.model.architecture import WIDE_RESNET50_2
from screener.model.copies import NO_COPIES, Copies, Widening
from screener.model.network import Network
from screener.model.reference import Reference
from screener.model.widening import widen

from .conftest import PICTURES, make_contract, make_network
from .files import rewrite, write_version_1


@pytest.fixture(params=[True, False], ids=["8 bits", "float32"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "old.safetensors"
    write_version_1(path, make_contract(architecture=WIDE), widen(make_network().state_dict(), FROM_TINY), in_8_bits=request.param)
    return path


def test_copies_are_found_and_the_answers_stay(old: Path) -> None:
    checkpoint = load_checkpoint(old)
    assert checkpoint.contract.copies == FROM_TINY and checkpoint.contract.architecture == WIDE
    stored = load_file(old)
    name = "backbone.bn1.weight"
    assert torch.equal(checkpoint.state[name], stored[name])
    whole = Network(WIDE).eval()
    whole.load_state_dict(checkpoint.state)
    with torch.inference_mode():
        torch.testing.assert_close(checkpoint.build_network()(PICTURES), whole(PICTURES), rtol=1e-4, atol=1e-5)


def test_weights_without_copies_load_as_they_are(tmp_path: Path) -> None:
    network = make_network()
    write_version_1(tmp_path / "old.safetensors", make_contract(), network.state_dict(), in_8_bits=False, with_stem=False)
    checkpoint = load_checkpoint(tmp_path / "old.safetensors")
    assert checkpoint.contract.copies == NO_COPIES and checkpoint.contract.architecture == TINY, (
        "the stem was as wide as the outer channels"
    )
    with torch.inference_mode():
        assert torch.equal(checkpoint.build_network()(PICTURES), network(PICTURES))


def test_damage_is_found_by_the_fingerprint(old: Path) -> None:
    rewrite(old, change_tensors=lambda tensors: tensors["backbone.bn1.bias"].add_(1e-3))
    for open_it in (load_checkpoint, verify_checkpoint):
        with pytest.raises(CheckpointError, match=r"old.safetensors: backbone_fingerprint: the contract says '[0-9a-f]{64}', the weights"):
            open_it(old)


def test_saved_again_it_is_small_and_the_same(old: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(old)
    save_contract(tmp_path / "new.safetensors", checkpoint.contract, old)
    new = load_checkpoint(tmp_path / "new.safetensors")
    assert new.contract.copies == FROM_TINY
    assert new.contract.backbone_fingerprint == checkpoint.contract.backbone_fingerprint
    assert all(torch.equal(new.distinct[name], tensor) for name, tensor in checkpoint.distinct.items())
    assert (tmp_path / "new.safetensors").stat().st_size < old.stat().st_size / 2
    verify_checkpoint(tmp_path / "new.safetensors")


def test_a_new_calibration_leaves_the_copies_out_too(old: Path) -> None:
    before = load_checkpoint(old)
    save_contract(old, make_contract(**{**vars(before.contract), "calibration": Calibration(3.0, 0.5)}), old)
    after = load_checkpoint(old)
    assert after.contract.calibration == Calibration(3.0, 0.5) and after.contract.format_version == FORMAT_VERSION
    with torch.inference_mode():
        assert torch.equal(after.build_network()(PICTURES), before.build_network()(PICTURES))


def test_verify_names_the_files_version_as_show_does_and_the_fingerprint_once(old: Path) -> None:
    results = verify_checkpoint(old)
    assert [check for check, _ in results].count("fingerprint") == 1
    assert dict(results)["contract"].startswith("format version 1")
    assert dict(describe(load_checkpoint(old)))["made by"].endswith("format version 1")


def test_the_default_weights_hold_what_they_always_held() -> None:
    checkpoint = load_checkpoint(default_checkpoint_path())
    assert checkpoint.contract.architecture == WIDE_RESNET50_2
    shape = checkpoint.build_backbone()(torch.zeros(1, 3, 224, 224)).shape
    assert shape == (1, 1024, 14, 14)
    if checkpoint.contract.copies != Copies.of_all(Widening.of_all(4)):
        pytest.skip("the default weights are not those that were widened four times")
    assert sum(tensor.numel() for tensor in checkpoint.distinct.values()) < 4.3e6


def test_saving_what_was_loaded_keeps_the_fingerprint(old: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(old)
    save_checkpoint(tmp_path / "again.safetensors", checkpoint.contract, checkpoint.distinct, storage="float32")
    assert load_checkpoint(tmp_path / "again.safetensors").contract.backbone_fingerprint == checkpoint.contract.backbone_fingerprint


def test_a_reference_of_version_3_keeps_the_crops_size() -> None:
    contract = make_contract(reference=Reference(20, 0.5))
    values = contract.to_dict() | {"format_version": 3}
    del values["reference"]["side"]
    assert Contract.from_dict(values) == contract
