"""Initial weights of training, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from builders import FROM_TINY, TINY, WIDE, tiny_contract, tiny_network

from screener.checkpoint import load_checkpoint, save_checkpoint
from screener.errors import CheckpointError
from screener.model.copies import Copies, Widening
from screener.model.widening import widen
from screener.training import starting_points
from screener.training.starting_points import backbone_named, network_to_train, starting_point


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


PICTURES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def written(path: Path, **contract: object) -> Path:
    save_checkpoint(path, tiny_contract(**contract), tiny_network().state_dict(), storage="float32")
    return path


def test_channels_that_occur_several_times_are_trained_once(tmp_path: Path) -> None:
    start = load_checkpoint(written(tmp_path / "copied.safetensors", architecture=WIDE, copies=FROM_TINY))
    network, whole = network_to_train(start, 1, 0)
    assert (network.architecture.inner_width, network.architecture.outer_width) == (TINY.inner_width, TINY.outer_width) and whole == WIDE
    with torch.inference_mode():
        torch.testing.assert_close(network.eval()(PICTURES), start.build_network()(PICTURES))


def test_a_stem_that_occurs_several_times_is_trained_once_too(tmp_path: Path) -> None:
    """No head has a stem, so its copies are not named there."""
    by = Widening(2, 2, 2)
    wide = replace(TINY, inner_width=2 * TINY.inner_width, outer_width=2 * TINY.outer_width, stem_width=2 * TINY.stem_width)
    start = load_checkpoint(written(tmp_path / "copied.safetensors", architecture=wide, copies=Copies.of_all(by)))
    network, whole = network_to_train(start, 1, 0)
    assert (network.architecture.stem_width, network.architecture.inner_width) == (TINY.stem_width, TINY.inner_width) and whole == wide


def test_repeated_inner_channels_begin_with_nearly_the_same_answers_and_differ(tmp_path: Path) -> None:
    start = load_checkpoint(written(tmp_path / "copied.safetensors", architecture=WIDE, copies=FROM_TINY))
    network, whole = network_to_train(start, 2, 0)
    first, second = network.backbone.layer1[0].conv1.weight.unflatten(0, (-1, 2)).unbind(1)
    assert whole == WIDE and len(first) == TINY.inner_width and not torch.equal(first, second)
    with torch.inference_mode():
        before, after = start.build_network()(PICTURES), network.eval()(PICTURES)
    assert 0 < (before - after).abs().max() < 0.2 * before.abs().max()
    widen(network.state_dict(), Widening.between(network.architecture, whole))


def test_a_network_without_copies_gets_wider(tmp_path: Path) -> None:
    start = load_checkpoint(written(tmp_path / "tiny.safetensors"))
    assert network_to_train(start, 1, 0)[1] == TINY
    network, whole = network_to_train(start, 4, 0)
    assert whole.inner_width == network.architecture.inner_width == 4 * TINY.inner_width
    assert whole.name == "tiny, wider" and whole.outer_width == TINY.outer_width
