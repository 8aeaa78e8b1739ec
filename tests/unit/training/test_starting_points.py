"""Initial weights of training, by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from builders import TINY, tiny_network

from screener.checkpoint import load_checkpoint
from screener.errors import CheckpointError
from screener.training import starting_points
from screener.training.starting_points import backbone_named, starting_point


def test_a_path_is_a_checkpoint(tiny_checkpoint: Path) -> None:
    assert backbone_named(tiny_checkpoint).sha256 == load_checkpoint(tiny_checkpoint).sha256
    assert starting_point(str(tiny_checkpoint), 0).contract.architecture == TINY


def test_no_name_is_the_checkpoint_that_ships(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting_points, "load_checkpoint", lambda name: "the default" if name is None else "another")
    assert backbone_named(None) == "the default"
    assert starting_point("default", 0) == "the default"


def test_a_file_of_published_weights_comes_with_an_untrained_answer(tmp_path: Path) -> None:
    network = tiny_network()
    torch.save(
        {name.split(".", 1)[1]: t for name, t in network.state_dict().items() if not name.startswith("locator.")}, tmp_path / "w.pth"
    )
    for found in (backbone_named(tmp_path / "w.pth"), starting_point(str(tmp_path / "w.pth"), 0)):
        assert torch.equal(found.state["backbone.conv1.weight"], network.backbone.conv1.weight)
        assert found.contract.operating_points == ()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for name in ("missing.pth", "missing.safetensors"):
        with pytest.raises(CheckpointError, match=name):
            backbone_named(tmp_path / name)


def test_random_weights_follow_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting_points, "WIDE_RESNET50_2", TINY)
    first, again, other = (starting_point("random", seed) for seed in (0, 0, 1))
    assert all(torch.equal(first.state[name], again.state[name]) for name in first.state)
    assert not torch.equal(first.state["backbone.conv1.weight"], other.state["backbone.conv1.weight"])
    assert first.contract.training_data == ()
    assert first.sha256 != other.sha256
