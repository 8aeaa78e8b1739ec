"""The network run by OpenCV scores and locates as PyTorch's does, however many crops and threads there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from builders import FROM_TINY, TINY_PREPROCESSING, WIDE, tiny_contract, tiny_network

from screener.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from screener.model.widening import widen
from screener.runtime.onnx_graphs import OnnxGraph
from screener.scoring import OpenCvEngine, TorchEngine


@pytest.fixture(scope="module")
def crops_rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), np.uint8)


@pytest.fixture(scope="module", params=["as it is", "read several times"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Also one whose head was trained on the features of the wide network: it reads each distinct feature several times."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    state, contract = tiny_network().state_dict(), tiny_contract()
    if request.param == "read several times":
        state, contract = widen(state, FROM_TINY), tiny_contract(architecture=WIDE)
        rng = np.random.default_rng(1)
        for name, values in state.items():
            if name.startswith("head.layer4.0.") and values.dim() == 4:
                values += 0.02 * values.std() * values.new_tensor(rng.standard_normal(tuple(values.shape)))
    save_checkpoint(path, contract, state, storage="float32")
    saved = load_checkpoint(path)
    copies = saved.contract.copies
    assert (copies.backbone.outer > copies.head.outer) == (request.param == "read several times")
    return saved


def engine_of(checkpoint: Checkpoint) -> OpenCvEngine:
    contract = checkpoint.contract
    return OpenCvEngine(checkpoint.weights, *contract.copies.narrowed(contract.architecture), TINY_PREPROCESSING)


def test_logits_and_maps_are_those_of_pytorch(checkpoint: Checkpoint, crops_rgb: np.ndarray) -> None:
    expected = TorchEngine(checkpoint.build_network(), TINY_PREPROCESSING, "cpu", "float32").logits_and_maps(crops_rgb)
    found = engine_of(checkpoint).logits_and_maps(crops_rgb)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
    assert np.ptp(expected[0]) > 0.5 and np.ptp(expected[1]) > 0.05, "crops that do not differ would prove nothing"


def test_any_number_of_crops_in_any_number_of_threads(checkpoint: Checkpoint, crops_rgb: np.ndarray) -> None:
    engine = engine_of(checkpoint)
    whole = engine.logits(crops_rgb)
    with ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(lambda n: engine.logits(crops_rgb[:n]), [1, 2, 5, 9, 3, 9]))
    for part in parts:
        np.testing.assert_allclose(part, whole[: len(part)], atol=1e-5)


def test_a_graph_with_every_layer_follows_the_format() -> None:
    graph = OnnxGraph("x", ("n", 3, 32, "w"))
    ones = np.ones((4, 3, 3, 3), np.float32)
    x = graph.leaky(graph.convolved("x", ones, np.zeros(4), 2, 1), np.full(4, 0.25))
    x = graph.pooled(graph.added(x, graph.rectified(x)), 3, 2, reaches_past=True)
    answer = graph.certain(graph.averaged(x))
    model = onnx.load_model_from_string(graph.encoded([(answer, ("n", 4, 1, 1))]))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Conv", "PRelu", "Relu", "Add", "MaxPool", "GlobalAveragePool", "Sigmoid"]
    assert {a.name: onnx.helper.get_attribute_value(a) for a in model.graph.node[0].attribute} == {
        "strides": [2, 2], "pads": [1, 1, 1, 1], "kernel_shape": [3, 3],
    }  # fmt: skip
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(model.graph.initializer[0]), ones)
