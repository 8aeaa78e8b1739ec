"""Wide networks from narrow ones, and back: the same function, exactly as long as the copies are equal."""

from __future__ import annotations

import pytest
import torch

from screener.model.architecture import WIDE_RESNET50_2, Architecture
from screener.model.copies import NO_COPIES, Copies, Widening
from screener.model.network import Network
from screener.model.widening import each_once, narrow, widen

from .test_network import TINY, pictures, randomise, tiny_network

FACTORS = [Widening.of_all(2), Widening.of_all(3), Widening(1, 4, 2), Widening(3, 1, 2), Widening(2, 2, 1)]


def widened(by: Widening) -> Architecture:
    return Architecture("wide", TINY.blocks, TINY.inner_width * by.inner, TINY.outer_width * by.outer, TINY.stem_width * by.stem)


def assert_same_answers(actual: Network, expected: Network) -> None:
    with torch.inference_mode():
        for one, other in zip(actual.forward_with_map(pictures()), expected.forward_with_map(pictures()), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("by", FACTORS)
def test_widening_keeps_the_function(by: Widening) -> None:
    network = tiny_network()
    wide = Network(widened(by)).eval()
    wide.load_state_dict(widen(network.state_dict(), by), strict=True)
    assert_same_answers(wide, network)


def test_widening_with_noise_parts_the_copies_and_no_more() -> None:
    state = {"backbone.layer1.0.conv1.weight": torch.randn(8, 16, 1, 1, generator=torch.Generator().manual_seed(0))}
    name = next(iter(state))
    exact = widen(state, Widening.of_all(2), noise=0.0)[name]
    noisy = widen(state, Widening.of_all(2), noise=0.01, generator=torch.Generator().manual_seed(1))[name]
    again = widen(state, Widening.of_all(2), noise=0.01, generator=torch.Generator().manual_seed(1))[name]
    assert torch.equal(exact[0], exact[1]) and not torch.equal(noisy[0], noisy[1])
    assert torch.equal(noisy, again)
    assert float((noisy - exact).std() / exact.std()) == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("by", FACTORS)
def test_narrowing_undoes_widening(by: Widening) -> None:
    thin = tiny_network().state_dict()
    again = narrow(widen(thin, by), by)
    assert again.keys() == thin.keys()
    for name, tensor in thin.items():
        torch.testing.assert_close(again[name], tensor)
    assert by.narrowed(widened(by)) == Architecture("wide", TINY.blocks, TINY.inner_width, TINY.outer_width, TINY.stem_width)
    assert Widening.between(TINY, widened(by)) == by


def test_narrowing_takes_the_mean_of_copies_that_parted() -> None:
    thin = tiny_network().state_dict()
    wide = widen(thin, Widening.of_all(2))
    name = "backbone.bn1.weight"
    wide[name] = wide[name] + torch.tensor([0.5, -0.5]).repeat(len(wide[name]) // 2)
    torch.testing.assert_close(narrow(wide, Widening.of_all(2))[name], thin[name])


@pytest.mark.parametrize("by", [Widening.of_all(4), Widening(1, 4, 2), Widening(4, 1, 2), Widening(1, 2, 1)])
def test_copies_are_found_and_left_out_to_the_bit(by: Widening) -> None:
    wide = widen(tiny_network().state_dict(), by)
    copies, distinct = each_once(wide, widened(by))
    assert copies == Copies.of_all(by)
    assert all(torch.equal(distinct[name], tensor) for name, tensor in tiny_network().state_dict().items())
    again = widen(distinct, copies)
    assert all(torch.equal(again[name], tensor) for name, tensor in wide.items())


def test_only_whole_copies_count() -> None:
    by = Widening(2, 4, 2)
    wide = widen(tiny_network().state_dict(), by)
    name = "backbone.layer3.0.conv2.weight"
    wide[name] = wide[name].clone()
    wide[name][5, 4, 1, 1] += 1e-3
    copies, distinct = each_once(wide, widened(by))
    assert copies.backbone == Widening(2, 1, 2), "inner channels of one layer that differ make all inner channels stand once"
    assert copies.head == Widening(1, 4, 2)
    again = widen(distinct, copies)
    assert all(torch.equal(again[name], tensor) for name, tensor in wide.items())


def test_copies_by_pairs_are_found_where_those_by_fours_parted() -> None:
    wide = widen(widen(tiny_network().state_dict(), Widening.of_all(2), noise=1e-3, generator=torch.Generator()), Widening.of_all(2))
    assert each_once(wide, widened(Widening.of_all(4)))[0] == Copies.of_all(Widening.of_all(2))


def test_copies_that_division_would_change_are_left_alone() -> None:
    wide = widen(tiny_network().state_dict(), Widening.of_all(3))
    copies, distinct = each_once(wide, widened(Widening.of_all(3)))
    assert copies == NO_COPIES and all(torch.equal(distinct[name], tensor) for name, tensor in wide.items())


def test_a_head_of_its_own_reads_the_repeated_answer_of_a_thin_backbone() -> None:
    by = Widening(1, 4, 2)
    wide = Network(widened(by)).eval()
    wide.load_state_dict(widen(tiny_network().state_dict(), by))
    randomise(wide.head, seed=3)
    torch.nn.init.normal_(wide.head.fc.weight, generator=torch.Generator().manual_seed(4))
    copies, distinct = each_once(wide.state_dict(), wide.architecture)
    assert copies == Copies(by, Widening(1, 1, 1))
    backbone, head = copies.narrowed(wide.architecture)
    thin = Network(backbone, head=head).eval()
    thin.load_state_dict(distinct)
    assert sum(p.numel() for p in thin.backbone.parameters()) < sum(p.numel() for p in wide.backbone.parameters()) / 6
    assert thin.backbone(pictures()).shape == wide.backbone(pictures()).shape
    assert_same_answers(thin, wide)


def test_a_head_never_counts_on_more_copies_than_the_backbone_has() -> None:
    wide = widen(tiny_network().state_dict(), Widening.of_all(4))
    randomised = Network(widened(Widening.of_all(4)))
    randomise(randomised.backbone, seed=5)
    wide |= {name: tensor for name, tensor in randomised.state_dict().items() if name.startswith("backbone.")}
    copies, _ = each_once(wide, widened(Widening.of_all(4)))
    assert copies == Copies(Widening(), Widening(1, 4, 1))


def test_the_narrow_network_of_the_weights_to_come() -> None:
    assert Widening(stem=1, inner=4, outer=2).narrowed(WIDE_RESNET50_2) == Architecture("wide_resnet50_2", (3, 4, 6, 3), 32, 32, 64)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Widening(0, 1, 1), "stem: expected each channel 1 to 512 times, got 0"),
        (lambda: Widening(1, 3, 1).narrowed(WIDE_RESNET50_2), "inner: 128 channels cannot be 3 times fewer"),
        (lambda: Copies(Widening(1, 1, 2), Widening(1, 1, 4)), "head.outer: expected a divisor of backbone.outer, 2, got 4"),
        (lambda: Copies(Widening(2, 2, 2), Widening(2, 2, 2)), "head.stem: expected 1"),
        (lambda: Widening.between(TINY, Architecture("a", TINY.blocks, 12, 4, 4)), "inner_width: 12 is no multiple of 8"),
        (lambda: Network(TINY, head=Architecture("a", TINY.blocks, 8, 2, 4)), "head: it reads 32 channels, no multiple of the 64"),
    ],
)
def test_impossible_factors_are_named(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        build()
