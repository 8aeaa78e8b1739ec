"""The network: torchvision's Wide ResNet50-2, cut in two; widening, and which logit is fake."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import wide_resnet50_2

from screener.model.network import CLASS_NAMES, WIDE_RESNET50_2, Architecture, Network, copies_in, fake_logit, narrow, widen, without_copies

TINY = Architecture("tiny", blocks=(1, 2, 1, 1), inner_width=8, outer_width=4)


def randomise(network: nn.Module, seed: int = 0) -> None:
    """Every weight and statistic away from its first value, so that none can go unnoticed."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=generator)
        elif name.endswith(("running_mean", "bias")):
            tensor.normal_(0, 0.1, generator=generator)
        elif tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5, generator=generator)


def pictures(count: int = 2, size: int = 64) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(7))


def tiny_network(architecture: Architecture = TINY) -> Network:
    torch.manual_seed(0)
    network = Network(architecture)
    randomise(network)
    return network.eval()


def test_fake_is_the_second_logit() -> None:
    assert CLASS_NAMES == ("real", "fake")
    torch.testing.assert_close(fake_logit(torch.tensor([[1.0, 4.0], [2.0, -1.0]])), torch.tensor([3.0, -3.0]))


def test_fake_logit_is_the_log_odds_of_fake() -> None:
    logits = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.sigmoid(fake_logit(logits)), logits.softmax(1)[:, CLASS_NAMES.index("fake")])


def test_shapes_of_the_tiny_network() -> None:
    network = tiny_network()
    features = network.backbone(pictures())
    assert features.shape == (2, TINY.feature_channels, 4, 4) == (2, 64, 4, 4)
    assert network.head.pooled(features).shape == (2, 128)
    assert network.head(features).shape == (2, 2)
    logits, blend_map = network.forward_with_map(pictures())
    assert logits.shape == (2, 2) and blend_map.shape == (2, 4, 4)
    torch.testing.assert_close(network(pictures()), network.head(features))


def test_shapes_of_wide_resnet50_2() -> None:
    with torch.device("meta"):
        network, picture = Network().eval(), torch.empty(1, 3, 224, 224)
    assert network.architecture == WIDE_RESNET50_2
    features = network.backbone(picture)
    assert features.shape == (1, 1024, 14, 14)
    assert network.head.pooled(features).shape == (1, 2048)


def test_same_function_as_torchvision_with_the_same_weights() -> None:
    torch.manual_seed(0)
    reference = wide_resnet50_2(weights=None, num_classes=2).eval()
    randomise(reference)
    with torch.device("meta"):
        network = Network()
    weights = {("head." if name.startswith(("layer4", "fc")) else "backbone.") + name: t for name, t in reference.state_dict().items()}
    locator = {"locator.weight": torch.zeros(1, 1024, 1, 1), "locator.bias": torch.zeros(1)}
    network.load_state_dict(weights | locator, strict=True, assign=True)
    with torch.inference_mode():
        expected, actual = reference(pictures(1)), network.eval()(pictures(1))
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_locator_is_no_part_of_the_score() -> None:
    network = tiny_network()
    before = network(pictures())
    with torch.no_grad():
        network.locator.weight.fill_(100.0)
    assert torch.equal(network(pictures()), before)


def test_backbone_in_training_learns_its_statistics() -> None:
    network = tiny_network().train()
    before = network.backbone.bn1.running_mean.clone()
    network(pictures(4))
    assert not torch.equal(network.backbone.bn1.running_mean, before)


@pytest.mark.parametrize("times", [2, 3])
def test_widening_keeps_the_function(times: int) -> None:
    network = tiny_network()
    wide = Network(Architecture("wide", TINY.blocks, TINY.inner_width * times, TINY.outer_width * times)).eval()
    wide.load_state_dict(widen(dict(network.state_dict()), times, noise=0.0), strict=True)
    with torch.inference_mode():
        for actual, expected in zip(wide.forward_with_map(pictures()), network.forward_with_map(pictures()), strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)


def test_widening_with_noise_parts_the_copies_and_no_more() -> None:
    state = {"backbone.layer1.0.conv1.weight": torch.randn(8, 16, 1, 1, generator=torch.Generator().manual_seed(0))}
    name = next(iter(state))
    exact = widen(state, 2, noise=0.0)[name]
    noisy = widen(state, 2, noise=0.01, generator=torch.Generator().manual_seed(1))[name]
    again = widen(state, 2, noise=0.01, generator=torch.Generator().manual_seed(1))[name]
    assert torch.equal(exact[0], exact[1]) and not torch.equal(noisy[0], noisy[1])
    assert torch.equal(noisy, again)
    assert float((noisy - exact).std() / exact.std()) == pytest.approx(0.01, rel=0.2)


def test_initialised_residual_branches_are_silent() -> None:
    network = Network(TINY).initialise(torch.Generator().manual_seed(0)).eval()
    block = network.backbone.layer2[1]
    x = torch.rand(1, 32, 8, 8)
    torch.testing.assert_close(block(x), x)
    same = Network(TINY).initialise(torch.Generator().manual_seed(0))
    assert torch.equal(same.head.fc.weight, network.head.fc.weight)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"blocks": (1, 1, 1)}, "blocks: expected four counts"),
        ({"blocks": (1, 0, 1, 1)}, "blocks: expected four counts of at least 1"),
        ({"inner_width": 0}, "inner_width: expected 1 to 512"),
        ({"outer_width": 513}, "outer_width: expected 1 to 512"),
        ({"inner_width": 1, "outer_width": 512}, "inner_width: expected a multiple of"),
    ],
)
def test_impossible_architectures(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("inner", "outer"), [(8, 4), (5, 4), (16, 8), (128, 64), (96, 48)])
def test_inner_width_is_what_it_says(inner: int, outer: int) -> None:
    with torch.device("meta"):
        network = Network(Architecture("any", (1, 1, 1, 1), inner, outer))
    widths = [layer[0].conv2.out_channels for layer in (network.backbone.layer1, network.backbone.layer2, network.backbone.layer3)]
    assert widths == [inner, 2 * inner, 4 * inner]
    assert network.head.fc.in_features == 32 * outer


def test_narrowing_undoes_widening() -> None:
    thin = dict(tiny_network().state_dict())
    again = narrow(widen(thin, 3, noise=0.0), 3)
    assert again.keys() == thin.keys()
    for name, tensor in thin.items():
        torch.testing.assert_close(again[name], tensor)


def test_narrowing_takes_the_mean_of_copies_that_parted() -> None:
    thin = dict(tiny_network().state_dict())
    wide = widen(thin, 2, noise=0.0)
    name = "backbone.bn1.weight"
    wide[name] = wide[name] + torch.tensor([0.5, -0.5]).repeat(len(wide[name]) // 2)
    torch.testing.assert_close(narrow(wide, 2)[name], thin[name])


def test_copies_are_found_and_only_whole_ones() -> None:
    state = dict(tiny_network().state_dict())
    assert copies_in(state, "backbone.", TINY.outer_width) == 1
    wide = widen(state, 3, noise=0.0)
    assert copies_in(wide, "backbone.", TINY.outer_width * 3) == 3
    assert copies_in(widen(state, 3, noise=1e-3, generator=torch.Generator().manual_seed(0)), "backbone.", TINY.outer_width * 3) == 1
    name = "backbone.layer3.0.conv2.weight"
    wide[name] = wide[name].clone()
    wide[name][5, 4, 1, 1] += 1e-3
    assert copies_in(wide, "backbone.", TINY.outer_width * 3) == 1


@pytest.mark.parametrize("head", ["copied", "another"])
def test_leaving_copies_out_changes_nothing_but_the_width(head: str) -> None:
    wide = Network(Architecture("wide", TINY.blocks, TINY.inner_width * 4, TINY.outer_width * 4)).eval()
    wide.load_state_dict(widen(dict(tiny_network().state_dict()), 4, noise=0.0))
    if head == "another":
        randomise(wide.head, seed=3)
        nn.init.normal_(wide.head.fc.weight, generator=torch.Generator().manual_seed(4))
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
