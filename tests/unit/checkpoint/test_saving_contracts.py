"""A new contract on the same weights: tensors stay identical, in place or not, and nothing that scores depend on may change."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from screener.checkpoint import Calibration, Contract, load_checkpoint, save_checkpoint, save_contract, scored_alike
from screener.checkpoint.storage import STORAGES
from screener.errors import CheckpointError, OutputError
from screener.model.architecture import Architecture
from screener.model.copies import Copies, Widening
from screener.model.preprocessing import Preprocessing

from .conftest import make_contract, make_network


@pytest.fixture(params=list(STORAGES))
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "original.safetensors"
    save_checkpoint(path, make_contract(), make_network().state_dict(), storage=request.param)
    return path


def calibrated(path: Path) -> Contract:
    return replace(load_checkpoint(path).contract, calibration=Calibration(3.0, 0.5))


def test_every_stored_tensor_stays_bit_for_bit(original: Path, tmp_path: Path) -> None:
    before = load_file(original)
    save_contract(tmp_path / "new.safetensors", calibrated(original), original)
    after = load_file(tmp_path / "new.safetensors")
    assert {name: t.dtype for name, t in after.items()} == {name: t.dtype for name, t in before.items()}
    for name, tensor in before.items():
        assert torch.equal(tensor.view(torch.uint8), after[name].view(torch.uint8)), name
    old, new = load_checkpoint(original), load_checkpoint(tmp_path / "new.safetensors")
    assert new.contract.calibration == Calibration(3.0, 0.5)
    assert old.contract.calibration == Calibration(1.5, -0.25)
    assert new.contract.backbone_fingerprint == old.contract.backbone_fingerprint


def test_in_place_and_again(original: Path) -> None:
    first = load_checkpoint(original).sha256
    before = load_file(original)
    save_contract(original, calibrated(original), original)
    second = load_checkpoint(original)
    save_contract(original, replace(second.contract, calibration=Calibration()), original)
    third = load_checkpoint(original)
    assert all(torch.equal(tensor, before[name]) for name, tensor in load_file(original).items())
    assert len({first, second.sha256, third.sha256}) == 3
    assert scored_alike(second) == {first, second.sha256}
    assert scored_alike(third) == {first, second.sha256, third.sha256}
    assert list(original.parent.iterdir()) == [original]


def test_new_weights_are_not_taken_for_old_ones(original: Path, tmp_path: Path) -> None:
    assert scored_alike(load_checkpoint(original)) == {load_checkpoint(original).sha256}


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": Architecture("tiny", blocks=(1, 1, 1, 2), inner_width=8, outer_width=4, stem_width=4)},
        {"preprocessing": Preprocessing(input_size=64)},
        {"detector": {"name": "another"}},
        {"backbone_fingerprint": "ab" * 32},
        {"copies": Copies.of_all(Widening(1, 2, 2))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_scores_rest_on_cannot_be_rewritten(original: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=f"{next(iter(change))}: expected .*original"):
        save_contract(tmp_path / "new.safetensors", replace(calibrated(original), **change), original)
    assert not (tmp_path / "new.safetensors").exists()


def test_an_unsound_contract_is_not_written(original: Path, tmp_path: Path) -> None:
    before = original.read_bytes()
    with pytest.raises(CheckpointError, match=r"figures\.auc: expected a finite number"):
        save_contract(original, replace(calibrated(original), figures={"auc": float("inf")}), original)
    assert original.read_bytes() == before


def test_no_checkpoint_no_contract(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(json.dumps({}))
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        save_contract(tmp_path / "new.safetensors", make_contract(), tmp_path / "notes.txt")


def test_a_full_disk_keeps_what_was_there(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, contract = original.read_bytes(), calibrated(original)

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputError, match=r"original\.safetensors: cannot be written: No space left"):
        save_contract(original, contract, original)
    assert original.read_bytes() == before
    assert list(original.parent.iterdir()) == [original]


def test_a_contract_is_not_given_to_weights_that_took_the_file_since(original: Path) -> None:
    """As when another run writes its head there while a calibration scans."""
    measured = load_checkpoint(original)
    save_checkpoint(original, make_contract(name="other head"), make_network(seed=1).state_dict())
    before = original.read_bytes()
    with pytest.raises(CheckpointError, match=r"original.safetensors: it was replaced since its weights were read"):
        save_contract(original, replace(measured.contract, calibration=Calibration(3.0, 0.5)), original, measured.sha256)
    assert original.read_bytes() == before
