"""Crops to logits: the same as the plain network, whatever the batch, the order or the dtype, within the stated tolerance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import FROM_TINY, TINY_PREPROCESSING, WIDE, face_crop, tiny_contract, tiny_network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from screener.checkpoint import load_checkpoint, save_checkpoint
from screener.errors import DeviceError
from screener.model.widening import widen
from screener.scoring import TOLERANCE_P_FAKE, LogitsAndMaps, Pictures, Scorer, TorchEngine, choose_device, choose_dtype, fold_batch_norm

COUNT = 13
DTYPES = ("float32", "bfloat16")


@pytest.fixture(scope="module")
def crops_rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def plain_logits(crops_rgb: np.ndarray) -> np.ndarray:
    """Straight from the unfolded network, with the normalisation written out."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (TINY_PREPROCESSING.mean_rgb, TINY_PREPROCESSING.std_rgb))
    pictures = (torch.from_numpy(crops_rgb).permute(0, 3, 1, 2).float() / 255 - mean) / std
    with torch.inference_mode():
        real, fake = tiny_network()(pictures).double().numpy().T
    return np.asarray(fake - real)


def scorer(dtype: str = "float32", batch_size: int = 16) -> Scorer:
    return Scorer(tiny_network(), TINY_PREPROCESSING, "cpu", dtype, batch_size)


def p_fake_apart(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(expit(first) - expit(second)).max())


@pytest.mark.parametrize(("dtype", "at_most"), [("float32", TOLERANCE_P_FAKE["float32"]), ("bfloat16", 0.05)])
def test_scores_are_those_of_the_plain_network(dtype: str, at_most: float, crops_rgb: np.ndarray, plain_logits: np.ndarray) -> None:
    """In float32 within the tolerance; in bfloat16 near it, for random weights forgive less than learned ones."""
    made = scorer(dtype)
    logits = made.logits(crops_rgb)
    assert (logits.shape, logits.dtype, made.dtype_name) == ((COUNT,), np.float64, dtype)
    assert p_fake_apart(logits, plain_logits) <= at_most
    # The crops must differ by far more than that, or the comparison says nothing.
    assert np.ptp(expit(plain_logits)) > 0.5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_size", [2, 5, 13, 64])
def test_batch_size_moves_no_score_beyond_the_tolerance(dtype: str, batch_size: int, crops_rgb: np.ndarray) -> None:
    alone = scorer(dtype, 1).logits(crops_rgb)
    assert p_fake_apart(scorer(dtype, batch_size).logits(crops_rgb), alone) <= TOLERANCE_P_FAKE[dtype]


@settings(max_examples=15)
@given(order=st.permutations(range(COUNT)), batch_size=st.integers(1, COUNT + 3))
def test_a_score_does_not_depend_on_its_company(order: list[int], batch_size: int, crops_rgb: np.ndarray, plain_logits: np.ndarray) -> None:
    found = scorer(batch_size=batch_size).logits(crops_rgb[order])
    assert p_fake_apart(found, plain_logits[order]) <= TOLERANCE_P_FAKE["float32"]


def test_crops_are_scored_in_their_order(crops_rgb: np.ndarray, plain_logits: np.ndarray) -> None:
    crops = [face_crop(crops_rgb[i], frame_index=i) for i in (5, 2, 9)]
    assert scorer(batch_size=2).score(crops) == pytest.approx(plain_logits[[5, 2, 9]], abs=1e-4)


def test_nothing_to_score(crops_rgb: np.ndarray) -> None:
    assert scorer().score([]).shape == (0,)
    assert scorer().logits(crops_rgb[:0]).shape == (0,)


def test_positive_is_fake() -> None:
    network = tiny_network()
    with torch.no_grad():
        network.head.fc.weight.zero_()
        network.head.fc.bias.copy_(torch.tensor([1.0, 3.5]))
    black = np.zeros((1, 64, 64, 3), np.uint8)
    assert Scorer(network, TINY_PREPROCESSING, "cpu", "float32").logits(black) == pytest.approx([2.5])


def test_the_last_layer_keeps_its_precision_in_bfloat16() -> None:
    network = tiny_network()
    weights = network.head.fc.weight.detach().clone()
    made = Scorer(network, TINY_PREPROCESSING, "cpu", "bfloat16")
    assert network.backbone.conv1.weight.dtype == torch.bfloat16
    assert torch.equal(made.engine.network.head.fc.weight, weights)


def test_folding_leaves_no_batch_norm_and_the_same_function() -> None:
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randn(2, 3, 64, 64, generator=generator)
    folded = fold_batch_norm(tiny_network())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        assert torch.allclose(folded(pictures), tiny_network()(pictures), atol=1e-4)


def test_a_checkpoint_survives_the_making_of_its_scorer(tiny_checkpoint: Path) -> None:
    """Two scorers of one checkpoint, the first in bfloat16, share tensors with it: neither may change them."""
    checkpoint = load_checkpoint(tiny_checkpoint)
    before = {name: tensor.clone() for name, tensor in checkpoint.distinct.items()}
    for dtype in ("bfloat16", "float32"):
        Scorer(checkpoint.build_network(), checkpoint.contract.preprocessing, "cpu", dtype)
    assert all(torch.equal(tensor, before[name]) and tensor.dtype == before[name].dtype for name, tensor in checkpoint.distinct.items())


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_wide_network_of_few_channels_scores_as_those_few(dtype: str, tmp_path: Path, crops_rgb: np.ndarray) -> None:
    state = widen(tiny_network().state_dict(), FROM_TINY)
    save_checkpoint(tmp_path / "wide.safetensors", tiny_contract(architecture=WIDE), state, storage="float32")
    found = Scorer(load_checkpoint(tmp_path / "wide.safetensors").build_network(), TINY_PREPROCESSING, "cpu", dtype)
    thin = Scorer(tiny_network(), TINY_PREPROCESSING, "cpu", dtype)
    for one, other in zip(found.logits_and_maps(crops_rgb), thin.logits_and_maps(crops_rgb), strict=True):
        assert np.array_equal(one, other)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    for missing in ("cuda", "mps"):
        with pytest.raises(DeviceError, match=rf"device {missing}: not available .* available: cpu$"):
            choose_device(missing)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")


@pytest.mark.parametrize(("has_it", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bfloat16_only_where_the_hardware_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, has_it: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr("screener.scoring.devices._cpu_computes_bfloat16", lambda: has_it)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_it)
    for device in ("cpu", "cuda"):
        assert choose_dtype("auto", torch.device(device)) == expected
        assert choose_dtype("float32", torch.device(device)) == torch.float32
        assert choose_dtype("bfloat16", torch.device(device)) == torch.bfloat16
    assert choose_dtype("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize("dtype", DTYPES)
def test_maps_leave_the_scores_alone_to_the_last_bit(dtype: str, crops_rgb: np.ndarray) -> None:
    made = scorer(dtype, 5)
    logits, maps = made.logits_and_maps(crops_rgb)
    assert np.array_equal(logits, made.logits(crops_rgb))
    assert (maps.shape, maps.dtype) == ((COUNT, 4, 4), np.float32)


def test_maps_are_those_of_the_plain_network(crops_rgb: np.ndarray) -> None:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (TINY_PREPROCESSING.mean_rgb, TINY_PREPROCESSING.std_rgb))
    pictures = (torch.from_numpy(crops_rgb).permute(0, 3, 1, 2).float() / 255 - mean) / std
    with torch.inference_mode():
        _, where = tiny_network().forward_with_map(pictures)
    _, maps = scorer().logits_and_maps(crops_rgb)
    np.testing.assert_allclose(maps, expit(where.double().numpy()), atol=1e-3)
    assert np.ptp(maps) > 0.01


# Begun first, asked for later.


class PlainEngine:
    """An engine that can do no more than it must: `fault` is raised for a batch whose first byte is 255."""

    name, device, dtype_name = "plain", torch.device("cpu"), "float32"

    def __init__(self, fault: Exception | None = None) -> None:
        self._torch, self._fault = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32"), fault

    def logits(self, crops_rgb: np.ndarray) -> np.ndarray:
        if self._fault is not None and crops_rgb[0, 0, 0, 0] == 255:
            raise self._fault
        return self._torch.logits(crops_rgb)

    def logits_and_maps(self, crops_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._torch.logits_and_maps(crops_rgb)

    def bare_pass(self, crops_rgb: np.ndarray) -> Callable[[], object]:
        return self._torch.bare_pass(crops_rgb)


class LateEngine(PlainEngine):
    """Computes when the answer is asked for, and writes down the order."""

    keeps_in_flight = True

    def __init__(self, fault: Exception | None = None) -> None:
        super().__init__(fault)
        self.log: list[str] = []

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        crops_rgb = np.stack(pictures_rgb)  # type: ignore[arg-type]
        self.log.append("begin")

        def fetch() -> LogitsAndMaps:
            self.log.append("result")
            return self.logits_and_maps(crops_rgb) if locate else (self.logits(crops_rgb), None)

        return fetch


@pytest.mark.parametrize("made", [scorer(), Scorer(PlainEngine(), TINY_PREPROCESSING), Scorer(LateEngine(), TINY_PREPROCESSING)])
def test_what_is_begun_gives_the_very_logits_and_maps(made: Scorer, crops_rgb: np.ndarray) -> None:
    crops = [face_crop(crop) for crop in crops_rgb]
    expected, expected_maps = scorer().logits_and_maps(crops_rgb)
    both, alone = made.begin(crops, locate=True), made.begin(crops[::-1])
    logits, nothing = alone.result()
    assert np.array_equal(logits, scorer().logits(crops_rgb[::-1])) and nothing is None
    logits, maps = both.result()
    assert np.array_equal(logits, expected) and maps is not None and np.array_equal(maps, expected_maps)


def test_one_batch_is_held_in_flight_where_the_engine_keeps_them(crops_rgb: np.ndarray) -> None:
    late = LateEngine()
    made = Scorer(late, TINY_PREPROCESSING, batch_size=4)
    assert np.array_equal(made.logits(crops_rgb), scorer(batch_size=4).logits(crops_rgb))
    assert late.log == ["begin", "begin", "result", "begin", "result", "begin", "result", "result"]
    late.log.clear()
    late.keeps_in_flight = False
    made.logits(crops_rgb)
    assert late.log == ["begin", "result"] * 4


def test_the_cpu_keeps_nothing_in_flight() -> None:
    assert not scorer().keeps_in_flight
    assert not Scorer(PlainEngine(), TINY_PREPROCESSING).keeps_in_flight


@pytest.mark.parametrize("engine", [PlainEngine, LateEngine])
@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_too_little_memory_is_said_with_what_to_do(engine: type[PlainEngine], fault: Exception, crops_rgb: np.ndarray) -> None:
    made = Scorer(engine(fault), TINY_PREPROCESSING, batch_size=5)
    with pytest.raises(DeviceError, match=r"^cpu: out of memory with 3 faces .*--batch-size \(now 5\)") as caught:
        made.begin([face_crop(np.full((64, 64, 3), 255, np.uint8))] * 3).result()
    assert caught.value.__cause__ is fault
    assert np.array_equal(made.logits(crops_rgb), scorer(batch_size=5).logits(crops_rgb))


@pytest.mark.parametrize("engine", [PlainEngine, LateEngine])
def test_other_errors_of_an_engine_pass_as_they_are(engine: type[PlainEngine]) -> None:
    fault = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError) as caught:
        Scorer(engine(fault), TINY_PREPROCESSING).logits(np.full((3, 64, 64, 3), 255, np.uint8))
    assert caught.value is fault


def test_a_score_that_is_no_number_is_refused_when_it_arrives(crops_rgb: np.ndarray) -> None:
    network = tiny_network()
    with torch.no_grad():
        network.head.fc.bias.fill_(float("nan"))
    begun = Scorer(network, TINY_PREPROCESSING, "cpu", "float32").begin([face_crop(crops_rgb[0])])
    with pytest.raises(DeviceError, match="no number"):
        begun.result()
