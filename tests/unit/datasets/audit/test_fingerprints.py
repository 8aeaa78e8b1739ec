"""Fingerprints of pictures: hash and correlation against their definitions, copies found, other pictures not."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from builders import portrait
from hypothesis import given
from hypothesis import strategies as st

from screener.datasets.audit.fingerprints import SIDE_PX, Fingerprint, Places, detail, fingerprint, near_pairs

BITS, CORRELATION = 10, 0.74


def everything(first: Places, second: Places) -> np.ndarray:
    return np.ones(len(first), bool)


def print_of(picture: np.ndarray) -> Fingerprint:
    found = fingerprint(picture)
    assert found is not None
    return found


def recompressed(picture: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR), np.uint8)


def halved(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def brighter(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture.astype(int) + 20, 0, 255).astype(np.uint8)


def edited(picture: np.ndarray) -> np.ndarray:
    """A twentieth of the area from another picture, as a forged mouth is."""
    changed = picture.copy()
    changed[90:126, 62:98] = portrait(99)[90:126, 62:98]
    return changed


def test_the_hash_is_that_of_the_definition() -> None:
    picture = portrait(3, SIDE_PX)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)
    wave = [[math.cos(math.pi * (2 * x + 1) * k / (2 * SIDE_PX)) for x in range(SIDE_PX)] for k in range(8)]
    low = []
    for u in range(8):
        for v in range(8):
            scale = (math.sqrt(0.5) if u == 0 else 1) * (math.sqrt(0.5) if v == 0 else 1)
            low.append(scale * sum(grey[y, x] * wave[u][y] * wave[v][x] for y in range(SIDE_PX) for x in range(SIDE_PX)))
    median = sorted(low[1:])[31]
    bits = "".join("1" if value > median else "0" for value in low)
    assert print_of(picture).picture_hash == int(bits, 2)


def test_the_product_of_details_is_their_correlation() -> None:
    small = np.stack([print_of(portrait(seed)).small_grey for seed in (0, 1)])
    fine = [s.astype(np.float32) - cv2.GaussianBlur(s.astype(np.float32), (0, 0), 1.5) for s in small]
    expected = np.corrcoef(fine[0].ravel(), fine[1].ravel())[0, 1]
    one, other = detail(small)
    assert float(one @ other) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("change", [lambda p: recompressed(p, 30), halved, brighter, edited], ids=["jpeg", "halved", "brighter", "edited"])
def test_copies_are_found(change: Callable[[np.ndarray], np.ndarray]) -> None:
    prints = [print_of(portrait(seed)) for seed in range(20)] + [print_of(change(portrait(seed))) for seed in range(20)]
    pairs = near_pairs(prints, BITS, CORRELATION, everything)
    assert {(pair.first, pair.second) for pair in pairs} == {(seed, seed + 20) for seed in range(20)}


def test_the_closest_pair_comes_first() -> None:
    prints = [print_of(picture) for picture in (portrait(0), recompressed(portrait(0), 20), portrait(1), portrait(1))]
    pairs = near_pairs(prints, BITS, CORRELATION, everything)
    assert [(pair.first, pair.second) for pair in pairs] == [(2, 3), (0, 1)]
    assert (pairs[0].bits, pairs[0].correlation) == (0, pytest.approx(1.0, abs=1e-5))


def test_a_picture_without_contrast_has_no_fingerprint() -> None:
    assert fingerprint(np.full((40, 60, 3), 7, np.uint8)) is None


def test_nothing_is_compared_with_nothing() -> None:
    assert near_pairs([], BITS, CORRELATION, everything) == []


@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_every_close_pair_that_matters_is_found(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    small = print_of(portrait(0)).small_grey
    parents = [int(value) for value in rng.integers(0, 2**63, 6, dtype=np.uint64)]
    hashes = []
    for _ in range(40):
        flips = sum(1 << int(bit) for bit in rng.choice(64, rng.integers(0, 10), replace=False))
        hashes.append(parents[rng.integers(6)] ^ flips)
    sides = rng.integers(0, 3, len(hashes))
    found = near_pairs([Fingerprint(value, small) for value in hashes], bits, 0.5, lambda a, b: sides[a] != sides[b])
    expected = {
        (i, j, (hashes[i] ^ hashes[j]).bit_count())
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if sides[i] != sides[j] and (hashes[i] ^ hashes[j]).bit_count() <= bits
    }
    assert {(pair.first, pair.second, pair.bits) for pair in found} == expected


def test_pairs_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screener.datasets.audit.fingerprints.BLOCK", (3, 5))
    prints = [print_of(portrait(seed % 7)) for seed in range(21)]
    pairs = near_pairs(prints, BITS, CORRELATION, everything)
    assert {(pair.first, pair.second) for pair in pairs} == {(i, j) for i in range(21) for j in range(i + 1, 21) if (j - i) % 7 == 0}
