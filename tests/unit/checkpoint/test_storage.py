"""How weights are stored: the error bounds, no drift when saved again, and exact storage."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from screener.checkpoint.storage import dequantise, exact_storage, from_stored, quantise, to_stored

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 2), st.integers(1, 2)), elements=FINITE))
@settings(deadline=None)
def test_each_weight_is_off_by_half_a_step_at_most(values: np.ndarray) -> None:
    back = dequantise(*quantise(values))
    assert back.shape == values.shape and back.dtype == np.float32
    peak = np.abs(values.astype(np.float64)).max((1, 2, 3), keepdims=True)
    # Cutting the scale to 16 bits makes it 2**-15 too small at most, which the largest weight feels 127 times.
    allowed = peak / 127 * (0.5 + 127 * 2.0**-15) + 2.0**-96
    assert (np.abs(back.astype(np.float64) - values) <= allowed).all()


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 6), st.just(1), st.just(1)), elements=FINITE))
@settings(deadline=None)
def test_quantising_again_changes_nothing(values: np.ndarray) -> None:
    quantised, scale = quantise(values)
    again, scale_again = quantise(dequantise(quantised, scale))
    np.testing.assert_array_equal(dequantise(again, scale_again), dequantise(quantised, scale))


def test_the_way_back_is_exact_so_that_nothing_drifts() -> None:
    """Scales have 16 significant bits and the numbers 7: their product fits into the 24 of float32."""
    weights = torch.randn(256, 64, 1, 1, generator=torch.Generator().manual_seed(0))
    quantised, scale = quantise(weights)
    exact = quantised.astype(np.float64) * scale.astype(np.float64).reshape(-1, 1, 1, 1)
    np.testing.assert_array_equal(dequantise(quantised, scale), exact)
    mantissa, _ = np.frexp(scale.astype(np.float64))
    np.testing.assert_array_equal(mantissa * 2**16, np.rint(mantissa * 2**16))
    assert np.abs(quantised).max() == 127


def test_channels_have_scales_of_their_own() -> None:
    weights = torch.tensor([[1.0, -0.5], [1000.0, -500.0]]).reshape(2, 2, 1, 1)
    back = dequantise(*quantise(weights))
    np.testing.assert_allclose(back, weights, rtol=0.01, atol=0)


def test_zeros_stay_zeros_and_scales_positive() -> None:
    quantised, scale = quantise(torch.zeros(3, 2, 1, 1))
    assert not quantised.any()
    assert (scale > 0).all()


def test_random_weights_lose_under_a_hundredth() -> None:
    weights = np.random.default_rng(0).standard_normal((64, 128, 3, 3), np.float32)
    error = np.linalg.norm(dequantise(*quantise(weights)) - weights) / np.linalg.norm(weights)
    assert error == pytest.approx(0.0085, abs=0.0015)


@given(arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 5), st.just(1), st.just(1)), elements=FINITE))
@settings(deadline=None)
def test_exact_storage_gives_every_bit_back(values: np.ndarray) -> None:
    weights = {"backbone.conv1.weight": values}
    back = from_stored(to_stored(weights, exact_storage(weights)))["backbone.conv1.weight"]
    assert back.tobytes() == values.tobytes()


def test_exact_storage_is_the_smallest_that_will_do() -> None:
    drawn = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    kinds = {"int8": dequantise(*quantise(drawn)), "float16": drawn.half().float(), "float32": drawn}
    assert exact_storage({**kinds, "no convolution": torch.ones(3)}) == {k: k for k in kinds}


def test_weights_beyond_float16_stay_float32() -> None:
    weights = {"backbone.conv1.weight": torch.full((1, 1, 1, 1), 1e5)}
    (stored,) = to_stored(weights, "float16").values()
    assert stored.dtype == np.float32 and float(stored.sum()) == 1e5
