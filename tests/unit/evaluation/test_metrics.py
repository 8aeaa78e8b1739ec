"""The field's figures against scikit-learn, brute force and cases worked out by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from sklearn import metrics as oracle

from screener.evaluation.metrics import (
    Metric,
    accuracy_at,
    average_precision,
    bootstrap_interval,
    brier_score,
    central_range,
    confusion,
    equal_error_rate,
    expected_calibration_error,
    f1_at,
    false_positive_rate_at,
    mean,
    precision_at,
    recall_at,
    reliability,
    roc_auc,
    roc_points,
    threshold_at,
    true_positive_rate_at,
)
from screener.evaluation.resampling import draws, strata_of

EVERY = [
    roc_auc, average_precision, equal_error_rate, true_positive_rate_at(0.05), true_positive_rate_at(0.25), accuracy_at(0.5), f1_at(0.5),
    recall_at(0.5), precision_at(0.0), false_positive_rate_at(0.5), expected_calibration_error, brier_score, mean,
]  # fmt: skip

SCORES = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Both classes, many ties, in any order."""
    rows = [(0, draw(SCORES)), (1, draw(SCORES)), *draw(st.lists(st.tuples(st.integers(0, 1), SCORES), max_size=40))]
    labels, p_fake = zip(*draw(st.permutations(rows)), strict=True)
    return np.array(labels), np.array(p_fake)


@given(labelled())
def test_auc_and_average_precision_against_scikit_learn(data: tuple[np.ndarray, np.ndarray]) -> None:
    assert roc_auc(*data) == pytest.approx(oracle.roc_auc_score(*data))
    assert average_precision(*data) == pytest.approx(oracle.average_precision_score(*data))


@given(labelled())
def test_auc_is_the_chance_that_a_fake_scores_higher(data: tuple[np.ndarray, np.ndarray]) -> None:
    labels, p_fake = data
    pairs = [(f > r) + 0.5 * (f == r) for f in p_fake[labels == 1] for r in p_fake[labels == 0]]
    assert roc_auc(labels, p_fake) == pytest.approx(np.mean(pairs))


@given(labelled())
def test_roc_points_against_scikit_learn(data: tuple[np.ndarray, np.ndarray]) -> None:
    fpr, tpr, _ = oracle.roc_curve(*data, drop_intermediate=False)
    found_fpr, found_tpr = roc_points(*data)
    assert found_fpr == pytest.approx(fpr)
    assert found_tpr == pytest.approx(tpr)


@given(labelled())
def test_equal_error_rate_against_a_root_finder(data: tuple[np.ndarray, np.ndarray]) -> None:
    """Along the curve, by its length, false alarms minus misses has one root."""
    fpr, tpr, _ = oracle.roc_curve(*data, drop_intermediate=False)
    along = np.arange(len(fpr))
    root = brentq(lambda at: np.interp(at, along, fpr) - (1 - np.interp(at, along, tpr)), 0, len(fpr) - 1)
    assert equal_error_rate(*data) == pytest.approx(np.interp(root, along, fpr), abs=1e-9)


@pytest.mark.parametrize(
    ("labels", "p_fake", "auc", "eer"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 1.0, 0.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], 0.0, 1.0),
        ([0, 1], [0.5, 0.5], 0.5, 0.5),
        ([0, 0, 1, 1], [0.1, 0.8, 0.2, 0.9], 0.75, 0.5),
        ([0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.6, 0.8, 0.9, 0.95], 15 / 16, 0.25),
    ],
)
def test_auc_and_equal_error_rate_by_hand(labels: list[int], p_fake: list[float], auc: float, eer: float) -> None:
    assert roc_auc(np.array(labels), np.array(p_fake)) == pytest.approx(auc)
    assert equal_error_rate(np.array(labels), np.array(p_fake)) == pytest.approx(eer)


@given(st.lists(SCORES, min_size=1, max_size=60).map(np.array), st.floats(0, 1) | st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.3]))
def test_a_threshold_lets_through_no_more_than_its_rate_and_is_the_lowest_that_does(reals: np.ndarray, fpr: float) -> None:
    threshold = threshold_at(reals, fpr)
    assert (reals >= threshold).mean() <= fpr + 1e-9
    # The next lower number that can be written is either too lenient, or there was nobody left to let through.
    lower = np.nextafter(threshold, -np.inf)
    assert (reals >= lower).mean() > fpr or (reals >= threshold).all()


def test_thresholds_by_hand() -> None:
    reals = np.arange(20) / 20
    assert threshold_at(reals, 0.05) == np.nextafter(0.9, 1)
    assert threshold_at(reals, 0.04) == np.nextafter(0.95, 1)
    assert threshold_at(reals, 0.10) == np.nextafter(0.85, 1)
    # Tied reals pass together or not at all.
    assert threshold_at(np.array([0.1, 0.5, 0.5, 0.5]), 0.5) == np.nextafter(0.5, 1)
    assert threshold_at(reals, 1.0) == 0.0


def test_rate_of_fakes_found_by_hand() -> None:
    labels = np.array([0] * 20 + [1] * 5)
    p_fake = np.concatenate([np.arange(20) / 20, [0.91, 0.96, 0.2, 0.9, 0.99]])
    # At 5 % one real may pass, that at 0.95, so the line lies just above 0.90.
    assert true_positive_rate_at(0.05)(labels, p_fake) == pytest.approx(3 / 5)
    assert true_positive_rate_at(0.01)(labels, p_fake) == pytest.approx(2 / 5)


@given(labelled(), st.sampled_from([0.01, 0.05, 0.25, 0.5]))
def test_rate_of_fakes_found_against_every_threshold(data: tuple[np.ndarray, np.ndarray], fpr: float) -> None:
    fprs, tprs, _ = oracle.roc_curve(*data, drop_intermediate=False)
    assert true_positive_rate_at(fpr)(*data) == pytest.approx(tprs[fprs <= fpr + 1e-9].max())


def test_calibration_error_by_hand() -> None:
    labels, p_fake = np.array([0, 1, 1, 1]), np.array([0.82, 0.84, 0.14, 1.0])
    # Bins [0.8, 0.9): frequency 0.5, confidence 0.83; [0.1, 0.2): 1, 0.14; [0.9, 1]: 1, 1.
    assert expected_calibration_error(labels, p_fake) == pytest.approx((2 * 0.33 + 0.86 + 0) / 4)


@given(labelled())
def test_calibration_error_against_brute_force(data: tuple[np.ndarray, np.ndarray]) -> None:
    labels, p_fake = data
    total = 0.0
    for b in range(10):
        inside = [i for i, p in enumerate(p_fake) if b <= p * 10 < b + 1 or (b == 9 and p == 1)]
        if inside:
            total += abs(sum(labels[i] for i in inside) - sum(p_fake[i] for i in inside)) / len(labels)
    assert expected_calibration_error(labels, p_fake) == pytest.approx(total, abs=1e-12)


@given(labelled())
def test_brier_score_against_scikit_learn(data: tuple[np.ndarray, np.ndarray]) -> None:
    assert brier_score(*data) == pytest.approx(oracle.brier_score_loss(*data))


@given(labelled(), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_figures_at_a_threshold_against_scikit_learn(data: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    labels, p_fake = data
    called = (p_fake >= threshold).astype(int)
    assert accuracy_at(threshold)(*data) == pytest.approx(oracle.accuracy_score(labels, called))
    assert recall_at(threshold)(*data) == pytest.approx(oracle.recall_score(labels, called))
    assert f1_at(threshold)(*data) == pytest.approx(oracle.f1_score(labels, called))
    assert false_positive_rate_at(threshold)(*data) == pytest.approx(1 - oracle.recall_score(labels, called, pos_label=0))
    (tn, fp), (fn, tp) = oracle.confusion_matrix(labels, called, labels=[0, 1])
    assert confusion(labels, p_fake, threshold) == (tp, fp, fn, tn)
    if called.any():
        assert precision_at(threshold)(*data) == pytest.approx(oracle.precision_score(labels, called))
    else:
        with pytest.raises(ValueError, match="precision: not defined"):
            precision_at(threshold)(*data)


def test_a_score_on_the_threshold_is_called_fake() -> None:
    labels, p_fake = np.array([0, 0, 1, 1, 1]), np.array([0.2, 0.5, 0.5, 0.4, 0.9])
    assert confusion(labels, p_fake, 0.5) == (2, 1, 1, 1)
    assert accuracy_at(0.5)(labels, p_fake) == pytest.approx(3 / 5)
    assert f1_at(0.5)(labels, p_fake) == pytest.approx(2 / 3)


def test_reliability_by_hand() -> None:
    labels, p_fake = np.array([0, 1, 1, 1]), np.array([0.82, 0.84, 0.14, 1.0])
    found = reliability(labels, p_fake)
    assert [count for _, _, count in found] == [1, 2, 1]
    assert [(round(said, 3), true) for said, true, _ in found] == [(0.14, 1.0), (0.83, 0.5), (1.0, 1.0)]


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.__name__)
@given(data=labelled(), rows=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3))
def test_resampled_is_the_figure_of_the_samples_repeated(metric: Metric, data: tuple[np.ndarray, np.ndarray], rows: list[int]) -> None:
    """Units are every other sample together, so that a unit holds several samples, and often both classes."""
    labels, p_fake = data
    units = np.arange(len(labels)) // 2
    counts = np.stack([np.random.default_rng(seed).integers(0, 4, units.max() + 1) for seed in rows])
    for label in (0, 1):
        counts[:, units[labels == label][0]] += 1  # no class may vanish
    found = metric.resampled(labels, p_fake, units, counts)
    for value, count in zip(found, counts, strict=True):
        again = np.repeat(np.arange(len(labels)), count[units])
        assert value == pytest.approx(metric(labels[again], p_fake[again]))


def test_resampled_in_pieces_is_resampled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    labels, p_fake, counts = np.arange(60) % 2, rng.random(60), rng.integers(1, 4, (40, 30))
    units = np.arange(60) // 2
    whole = [metric.resampled(labels, p_fake, units, counts) for metric in (roc_auc, average_precision, brier_score)]
    monkeypatch.setattr("screener.evaluation.metrics.MOST_NUMBERS", 100)
    pieces = [metric.resampled(labels, p_fake, units, counts) for metric in (roc_auc, average_precision, brier_score)]
    np.testing.assert_allclose(pieces, whole)


def test_resampling_takes_time_by_the_score_and_not_by_the_pair_of_scores() -> None:
    """Of ten thousand scores: a tenth of a second, where 25 million pairs take several."""
    labels, p_fake, units = np.arange(10_000) % 2, np.random.default_rng(5).random(10_000), np.arange(10_000)
    counts = draws(strata_of(labels, units), 1000, 0)
    started = time.process_time()
    roc_auc.resampled(labels, p_fake, units, counts)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("metric", [roc_auc, average_precision, equal_error_rate, roc_points, true_positive_rate_at(0.05)])
@pytest.mark.parametrize("labels", [[0, 0], [1, 1], [0, 1, 2], []])
def test_a_missing_class_is_an_error_and_not_a_figure(metric: object, labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels: expected both 0 and 1"):
        metric(np.array(labels), np.full(len(labels), 0.5))  # type: ignore[operator]


def test_no_real_score_is_an_error_and_not_a_threshold() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        threshold_at(np.array([]), 0.05)


def test_bootstrap_is_repeatable_holds_the_figure_and_narrows_with_videos() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (20, 320):
        labels = np.array([0] * n + [1] * n)
        p_fake = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
        low, high = bootstrap_interval(roc_auc, labels, p_fake, resamples=200)
        assert (low, high) == bootstrap_interval(roc_auc, labels, p_fake, resamples=200)
        assert 0 <= low < roc_auc(labels, p_fake) < high <= 1
        widths.append(high - low)
    assert widths[0] > 2 * widths[1]


def test_bootstrap_agrees_with_the_theory_of_a_mean() -> None:
    """The Brier score is a mean, and a mean's range is known: 1.96 standard errors either side."""
    rng = np.random.default_rng(1)
    labels = np.array([0, 1] * 200)
    p_fake = rng.random(400)
    errors = (p_fake - labels) ** 2
    spread = 1.96 * np.sqrt((errors[labels == 0].var() + errors[labels == 1].var()) / 2 / 400)
    low, high = bootstrap_interval(brier_score, labels, p_fake)
    assert (low, high) == pytest.approx((errors.mean() - spread, errors.mean() + spread), abs=0.15 * spread)


def test_bootstrap_never_loses_a_class() -> None:
    low, high = bootstrap_interval(roc_auc, np.array([0, 1, 1, 1, 1, 1, 1, 1]), np.arange(8) / 8, resamples=100)
    assert low == high == 1.0


def test_frames_are_resampled_by_video() -> None:
    """Thirty-two equal frames of a video are worth one: the interval is that of the videos, not of the frames."""
    rng = np.random.default_rng(3)
    labels = np.array([0, 1] * 15)
    p_fake = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    frames = np.repeat(np.arange(30), 32)
    by_video = bootstrap_interval(roc_auc, labels[frames], p_fake[frames], groups=[f"video {i}" for i in frames])
    assert by_video == pytest.approx(bootstrap_interval(roc_auc, labels, p_fake))
    by_frame = bootstrap_interval(roc_auc, labels[frames], p_fake[frames])
    assert by_frame[1] - by_frame[0] < 0.4 * (by_video[1] - by_video[0])


def test_a_range_leaves_out_resamples_without_a_value() -> None:
    assert central_range(np.array([np.nan, 1.0, 2.0, 3.0, np.nan]), share=0.5) == (1.5, 2.5)
