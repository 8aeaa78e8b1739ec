"""Wide networks made of thin ones, and back: the same function, exactly where nothing parts the copies."""

from __future__ import annotations

import pytest
import torch

from screener.model.network import Architecture, Network
from screener.model.widening import Widening, copies_in, narrow, widen, without_copies

from .test_network import TINY, pictures, randomise, tiny_network


@pytest.mark.parametrize("times", [2, 3])
def test_widening_keeps_the_function(times: int) -> None:
    network = tiny_network()
    wide = Network(Architecture("wide", TINY.blocks, TINY.inner_width * times, TINY.outer_width * times, TINY.stem_width * times)).eval()
    wide.load_state_dict(widen(dict(network.state_dict()), Widening.of_all(times), noise=0.0), strict=True)
    with torch.inference_mode():
        for actual, expected in zip(wide.forward_with_map(pictures()), network.forward_with_map(pictures()), strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)


def test_widening_with_noise_parts_the_copies_and_no_more() -> None:
    state = {"backbone.layer1.0.conv1.weight": torch.randn(8, 16, 1, 1, generator=torch.Generator().manual_seed(0))}
    name = next(iter(state))
    exact = widen(state, Widening.of_all(2), noise=0.0)[name]
    noisy = widen(state, Widening.of_all(2), noise=0.01, generator=torch.Generator().manual_seed(1))[name]
    again = widen(state, Widening.of_all(2), noise=0.01, generator=torch.Generator().manual_seed(1))[name]
    assert torch.equal(exact[0], exact[1]) and not torch.equal(noisy[0], noisy[1])
    assert torch.equal(noisy, again)
    assert float((noisy - exact).std() / exact.std()) == pytest.approx(0.01, rel=0.2)


def test_narrowing_undoes_widening() -> None:
    thin = dict(tiny_network().state_dict())
    again = narrow(widen(thin, Widening.of_all(3), noise=0.0), Widening.of_all(3))
    assert again.keys() == thin.keys()
    for name, tensor in thin.items():
        torch.testing.assert_close(again[name], tensor)


def test_narrowing_takes_the_mean_of_copies_that_parted() -> None:
    thin = dict(tiny_network().state_dict())
    wide = widen(thin, Widening.of_all(2), noise=0.0)
    name = "backbone.bn1.weight"
    wide[name] = wide[name] + torch.tensor([0.5, -0.5]).repeat(len(wide[name]) // 2)
    torch.testing.assert_close(narrow(wide, Widening.of_all(2))[name], thin[name])


def test_copies_are_found_and_only_whole_ones() -> None:
    state = dict(tiny_network().state_dict())
    assert copies_in(state, "backbone.", TINY.outer_width) == 1
    wide = widen(state, Widening.of_all(3), noise=0.0)
    assert copies_in(wide, "backbone.", TINY.outer_width * 3) == 3
    assert copies_in(widen(state, Widening.of_all(3), noise=1e-3, generator=torch.Generator().manual_seed(0)), "backbone.", TINY.outer_width * 3) == 1
    name = "backbone.layer3.0.conv2.weight"
    wide[name] = wide[name].clone()
    wide[name][5, 4, 1, 1] += 1e-3
    assert copies_in(wide, "backbone.", TINY.outer_width * 3) == 1


@pytest.mark.parametrize("head", ["copied", "another"])
def test_leaving_copies_out_changes_nothing_but_the_width(head: str) -> None:
    wide = Network(Architecture("wide", TINY.blocks, TINY.inner_width * 4, TINY.outer_width * 4, TINY.stem_width * 4)).eval()
    wide.load_state_dict(widen(dict(tiny_network().state_dict()), Widening.of_all(4), noise=0.0))
    if head == "another":
        randomise(wide.head, seed=3)
        torch.nn.init.normal_(wide.head.fc.weight, generator=torch.Generator().manual_seed(4))
    compact = without_copies(wide)
    assert compact.architecture.outer_width == TINY.outer_width
    assert sum(p.numel() for p in compact.backbone.parameters()) < sum(p.numel() for p in wide.backbone.parameters()) / 9
    features = without_copies(wide, same_features=True)
    with torch.inference_mode():
        for actual, expected in zip(compact.forward_with_map(pictures()), wide.forward_with_map(pictures()), strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(features.backbone(pictures()), wide.backbone(pictures()), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(features(pictures()), wide(pictures()), rtol=1e-3, atol=1e-4)


def test_weights_without_copies_are_left_alone() -> None:
    network = tiny_network()
    assert without_copies(network) is network
