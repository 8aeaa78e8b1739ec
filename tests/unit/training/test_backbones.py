"""Published backbones: the same function as torchvision's network, read without executing code, with clear refusals."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.error import URLError

import pytest
import torch
from torchvision.models import Wide_ResNet50_2_Weights
from torchvision.models.resnet import Bottleneck, ResNet

from screener.checkpoint import backbone_fingerprint, load_checkpoint, save_checkpoint
from screener.errors import CheckpointError
from screener.model.architecture import WIDE_RESNET50_2, Architecture
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.training.backbones import architecture_of, published_backbone


def published(layers: tuple[int, int, int, int] = (1, 1, 1, 1), width_per_group: int = 8) -> ResNet:
    """A ResNet as torchvision builds it, with weights and statistics that are not those of a new one."""
    torch.manual_seed(0)
    network = ResNet(Bottleneck, list(layers), width_per_group=width_per_group)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("running_mean", "running_var", "bn1.weight", "bn2.weight", "bn3.weight")):
                tensor.uniform_(0.5, 1.5)
    return network.eval()


def features_of(network: ResNet, pictures: torch.Tensor) -> torch.Tensor:
    x = network.maxpool(network.relu(network.bn1(network.conv1(pictures))))
    return network.layer3(network.layer2(network.layer1(x)))


@pytest.fixture(scope="module")
def network() -> ResNet:
    return published()


@pytest.fixture(scope="module")
def file(network: ResNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(network.state_dict(), path)
    return path


def test_the_features_are_those_of_torchvision(network: ResNet, file: Path) -> None:
    checkpoint = published_backbone(str(file))
    pictures = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        found = checkpoint.build_network().backbone(pictures)
        torch.testing.assert_close(found, features_of(network, pictures))
        # layer4 comes along, as the start of a head.
        torch.testing.assert_close(checkpoint.build_network().head.layer4(found), network.layer4(found))
    contract = checkpoint.contract
    assert (contract.name, contract.preprocessing, contract.architecture.blocks) == ("small", Preprocessing(), (1, 1, 1, 1))
    assert contract.backbone_fingerprint == backbone_fingerprint(checkpoint.state)
    assert checkpoint.state["head.fc.weight"].shape == (2, 2048) and checkpoint.path is None


def test_reading_twice_gives_the_same_weights(file: Path) -> None:
    one, other = published_backbone(str(file)), published_backbone(str(file))
    assert one.sha256 == other.sha256 and all(torch.equal(one.state[name], other.state[name]) for name in one.state)


def test_it_can_be_kept_as_a_checkpoint(file: Path, tmp_path: Path) -> None:
    checkpoint = published_backbone(str(file))
    save_checkpoint(tmp_path / "kept.safetensors", checkpoint.contract, checkpoint.state, storage="float32")
    assert load_checkpoint(tmp_path / "kept.safetensors").contract == checkpoint.contract


def test_wide_resnet50_2_is_recognised() -> None:
    with torch.device("meta"):
        state = ResNet(Bottleneck, [3, 4, 6, 3], width_per_group=128).state_dict()
        assert architecture_of(state) == WIDE_RESNET50_2
        assert architecture_of(ResNet(Bottleneck, [3, 4, 6, 3]).state_dict()) == replace(
            WIDE_RESNET50_2, name="resnet3_4_6_3", inner_width=64
        )


def test_stem_inner_and_outer_channels_are_told_apart() -> None:
    """As in a network whose layers are narrower than its stem."""
    shape = Architecture("resnet1_2_1_1", (1, 2, 1, 1), inner_width=6, outer_width=5, stem_width=12)
    with torch.device("meta"):
        state = Network(shape).state_dict()
    published = {name.removeprefix("backbone.").removeprefix("head."): tensor for name, tensor in state.items()}
    assert architecture_of(published) == shape


def test_imagenet_is_torchvisions_published_file(network: ResNet) -> None:
    with mock.patch("torchvision.models._api.load_state_dict_from_url", return_value=network.state_dict()) as fetched:
        checkpoint = published_backbone("imagenet")
    assert checkpoint.contract.name == "wide_resnet50_2-imagenet1k_v1"
    assert fetched.call_args.args[0] == Wide_ResNet50_2_Weights.IMAGENET1K_V1.url
    # Read as data, and held against the hash in its name.
    assert fetched.call_args.kwargs["weights_only"] is True and fetched.call_args.kwargs["check_hash"] is True


def test_without_a_network() -> None:
    failure = URLError(OSError("Name or service not known"))
    with (
        mock.patch("torchvision.models._api.load_state_dict_from_url", side_effect=failure),
        pytest.raises(CheckpointError, match=r"cannot be had from https://download\.pytorch\.org/.*try again with a network, or fetch"),
    ):
        published_backbone("imagenet")


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (os.fspath(self.path),)


def test_a_file_cannot_run_code(tmp_path: Path) -> None:
    torch.save({"conv1.weight": Trap(tmp_path / "sprung")}, tmp_path / "trap.pth")
    with pytest.raises(CheckpointError, match=r"trap\.pth: cannot be read as a state dict"):
        published_backbone(str(tmp_path / "trap.pth"))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1, 2], "expected a state dict, tensors by name, got list"),
        ({"model": {"conv1.weight": torch.zeros(1)}}, "expected a state dict"),
        ({"fc.weight": torch.zeros(2, 2)}, "not the state dict of a ResNet with bottlenecks"),
        ("lacks", r"tensor layer3\.0\.bn2\.running_mean: missing \(1 missing in all\)"),
        ("nan", r"tensor .*layer1\.0\.conv2\.weight: holds NaN"),
        ("shape", r"tensor .*layer2\.0\.conv1\.weight: expected shape"),
    ],
)
def test_a_wrong_file_is_named(network: ResNet, tmp_path: Path, content: Any, says: str) -> None:
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    if content == "lacks":
        del state["layer3.0.bn2.running_mean"]
    elif content == "nan":
        state["layer1.0.conv2.weight"][0, 0, 0, 0] = torch.nan
    elif content == "shape":
        state["layer2.0.conv1.weight"] = torch.zeros(3, 3, 1, 1)
    path = tmp_path / "wrong.pth"
    torch.save(state if isinstance(content, str) else content, path)
    with pytest.raises(CheckpointError, match=says) as refused:
        published_backbone(str(path))
    assert str(path) in str(refused.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such file; give imagenet, or the path"):
        published_backbone(str(tmp_path / "none.pth"))
    (tmp_path / "text.pth").write_text("weights", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"text\.pth: cannot be read as a state dict"):
        published_backbone(str(tmp_path / "text.pth"))
