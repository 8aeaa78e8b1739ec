"""Matching intervals of two recordings, from constructed fingerprints."""

from __future__ import annotations

import numpy as np
import pytest

from screener.comparison.alignment import Recording, matching_runs

RATE = 25


def fingerprints(count: int, seed: int, look: int = 0) -> np.ndarray:
    """A fixed look and something that moves slowly through it, so that neighbours resemble each other."""
    rng = np.random.default_rng(seed)
    fixed = np.random.default_rng(1000 + look).normal(0, 1, 1024)
    steps = np.cumsum(rng.normal(0, 1, (count, 12)), 0) @ np.random.default_rng(seed + 1).normal(0, 0.06, (12, 1024))
    made = fixed + steps
    made -= made.mean(1, keepdims=True)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def recording(prints: np.ndarray, rate: float = RATE) -> Recording:
    return Recording(np.arange(len(prints)) / rate, prints)


def noisy(prints: np.ndarray, share: float = 0.1) -> np.ndarray:
    made = prints + np.random.default_rng(5).normal(0, share / 32, prints.shape)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


WHOLE = fingerprints(200, seed=1)


def test_a_copy_is_one_run_without_an_offset() -> None:
    (run,) = matching_runs(recording(WHOLE), recording(noisy(WHOLE)))
    assert len(run.a) >= 198 and np.abs(run.a - run.b).max() <= 1
    assert run.likeness > 0.95 and run.agreement is not None and run.agreement > 0.8


def test_a_copy_that_begins_later_has_its_offset() -> None:
    (run,) = matching_runs(recording(WHOLE), recording(noisy(WHOLE[30:])))
    assert np.median(run.a - run.b) == 30 and run.a.min() in range(28, 33)


def leaning() -> np.ndarray:
    """Six seconds of someone who nods a little and leans over once: a part of it has another typical picture than the whole."""
    rng, seconds = np.random.default_rng(2), np.arange(150)[:, None] / RATE
    made = rng.normal(0, 1, 1024) + np.sin(2 * np.pi * seconds / 6) * rng.normal(0, 0.25, 1024)
    made += np.sin(2 * np.pi * seconds / 0.9) * rng.normal(0, 0.06, 1024)
    made -= made.mean(1, keepdims=True)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("first", [20, 40, 60, 90])
@pytest.mark.parametrize("count", [12, 25])
def test_an_excerpt_has_its_exact_place_in_either_order(first: int, count: int) -> None:
    whole, part = recording(leaning()), recording(noisy(leaning()[first : first + count]))
    (run,) = matching_runs(part, whole)
    assert run.a.tolist() == list(range(count)) and (run.b - run.a == first).all()
    (other,) = matching_runs(whole, part)
    assert other.a.tolist() == run.b.tolist() and other.b.tolist() == run.a.tolist()


def test_a_cut_parts_two_runs() -> None:
    runs = matching_runs(recording(WHOLE), recording(noisy(np.concatenate([WHOLE[:80], WHOLE[130:]]))))
    assert [int(np.median(run.a - run.b)) for run in runs] == [0, 50]
    assert runs[0].a.max() == pytest.approx(79, abs=4) and runs[1].a.min() == pytest.approx(130, abs=4)


def test_parts_in_another_order_are_found() -> None:
    runs = matching_runs(recording(WHOLE), recording(noisy(np.concatenate([WHOLE[100:], WHOLE[:100]]))))
    assert [int(np.median(run.b - run.a)) for run in runs] == [100, -100]


def test_another_rate_is_no_difference() -> None:
    chosen = WHOLE[np.round(np.arange(160) * 25 / 20).astype(int).clip(0, 199)]
    (run,) = matching_runs(recording(WHOLE), recording(noisy(chosen), rate=20))
    assert len(run.a) > 180 and np.abs(run.a / 25 - run.b / 20).max() < 0.05


def test_two_recordings_of_one_studio_are_not_one() -> None:
    assert matching_runs(recording(WHOLE), recording(fingerprints(200, seed=9))) == []


def test_other_scenes_have_nothing_in_common() -> None:
    assert matching_runs(recording(WHOLE), recording(fingerprints(200, seed=9, look=4))) == []


def test_a_still_picture_matches_itself() -> None:
    (run,) = matching_runs(recording(WHOLE[:1]), recording(noisy(WHOLE[:1])))
    assert run.a.tolist() == run.b.tolist() == [0] and run.agreement is None


def test_nothing_matches_nothing() -> None:
    empty = Recording(np.zeros(0), np.zeros((0, 1024), np.float32))
    assert matching_runs(empty, recording(WHOLE)) == matching_runs(recording(WHOLE), empty) == []
