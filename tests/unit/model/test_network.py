"""The network: torchvision's Wide ResNet50-2 in two parts, and which logit is fake."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import wide_resnet50_2

from screener.model.architecture import CLASS_NAMES, WIDE_RESNET50_2, Architecture
from screener.model.network import Network, fake_logit

TINY = Architecture("tiny", blocks=(1, 2, 1, 1), inner_width=8, outer_width=4, stem_width=4)


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
    ],
)
def test_impossible_architectures(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("inner", "outer"), [(8, 4), (5, 4), (16, 8), (128, 64), (96, 48)])
def test_inner_width_is_what_it_says(inner: int, outer: int) -> None:
    with torch.device("meta"):
        network = Network(Architecture("any", (1, 1, 1, 1), inner, outer, outer))
    widths = [layer[0].conv2.out_channels for layer in (network.backbone.layer1, network.backbone.layer2, network.backbone.layer3)]
    assert widths == [inner, 2 * inner, 4 * inner]
    assert network.head.fc.in_features == 32 * outer
