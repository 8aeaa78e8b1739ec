"""Calibration recovers known parameters, is cautious with few videos, and refuses rates that they cannot support."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from screener.checkpoint import Calibration
from screener.errors import DatasetError
from screener.evaluation.calibration import fit_calibration, operating_point, pooled_p_fake
from screener.evaluation.metrics import expected_calibration_error
from screener.verdict.judging import POOLING, calibrated


def videos(n: int, temperature: float, bias: float, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """One frame a video. Of two normals of variance 3 that lie 3 apart the log-odds are the value itself; it is scaled and shifted."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    log_odds = rng.normal(3 * (labels - 0.5), np.sqrt(3))
    return [np.array([(value - bias) * temperature]) for value in log_odds], labels


@pytest.mark.parametrize(("temperature", "bias"), [(1.0, 0.0), (2.5, -0.7), (0.4, 1.0), (8.0, 2.0)])
def test_known_temperature_and_bias_are_recovered(temperature: float, bias: float) -> None:
    logits, labels = videos(800, temperature, bias)
    found = fit_calibration(logits, labels, "mean")
    assert found.temperature == pytest.approx(temperature, rel=0.15)
    assert found.bias == pytest.approx(bias, abs=0.3)
    assert expected_calibration_error(labels, pooled_p_fake(logits, found, "mean")) < 0.05


def test_one_frame_a_video_is_logistic_regression() -> None:
    """With Platt's softened truth: each video is both, in the shares that n videos of its class can show."""
    logits, labels = videos(90, 3.0, -0.5, seed=1)
    x = np.concatenate(logits)[:, None]
    truth = np.where(labels == 1, 46 / 47, 1 / 47)
    reference = LogisticRegression(C=1e9).fit(np.vstack([x, x]), np.repeat([1, 0], 90), np.concatenate([truth, 1 - truth]))
    found = fit_calibration(logits, labels, "mean")
    assert 1 / found.temperature == pytest.approx(reference.coef_[0, 0], rel=0.005)
    assert found.bias == pytest.approx(reference.intercept_[0], abs=0.005)


def test_how_many_fakes_were_collected_does_not_move_the_scale() -> None:
    logits, labels = videos(1000, 2.0, 0.3, seed=2)
    few = np.flatnonzero((labels == 0) | (np.arange(1000) % 10 == 1))
    found = fit_calibration([logits[i] for i in few], labels[few], "mean")
    assert (labels[few] == 1).sum() == 100
    assert found.temperature == pytest.approx(2.0, rel=0.25)
    assert found.bias == pytest.approx(0.3, abs=0.4)


def test_perfectly_separated_videos_do_not_lead_to_endless_confidence() -> None:
    logits = [np.full(8, -2 + 0.1 * i) for i in range(20)] + [np.full(8, 1 + 0.1 * i) for i in range(20)]
    labels = np.array([0] * 20 + [1] * 20)
    p_fake = pooled_p_fake(logits, fit_calibration(logits, labels, "trimmed_mean"), "trimmed_mean")
    assert p_fake[:20].max() < 0.5 < p_fake[20:].min()
    assert 0.001 < p_fake.min() < 0.05
    assert 0.95 < p_fake.max() < 0.999


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_one_class_alone_cannot_calibrate(labels: list[int]) -> None:
    with pytest.raises(DatasetError, match=r"needs real and fake videos, got \d real and \d fake"):
        fit_calibration([np.zeros(3), np.ones(3)], np.array(labels), "mean")


@pytest.mark.parametrize("rule", POOLING)
def test_pooling_is_that_of_the_verdict(rule: str) -> None:
    """Calibrate each frame, then pool: as a scan does it, not the other way round."""
    frames = [np.array([-3.0, 0.5, 4.0, 1.0]), np.array([2.0]), np.array([0.1, -0.2, 0.3, 2.0]), np.array([-1.0, 1.0])]
    found = pooled_p_fake(frames, Calibration(2.0, -0.5), rule)
    expected = [float(POOLING[rule](np.array([calibrated(x, 2.0, -0.5) for x in logits]))) for logits in frames]
    assert found == pytest.approx(expected)
    assert found[1] == pytest.approx(expit(0.5))


def test_a_video_without_a_judged_frame_is_refused() -> None:
    for empty in (np.zeros(0), (np.zeros(2), np.zeros(0)), ()):
        with pytest.raises(ValueError, match="video 1 has none"):
            pooled_p_fake([np.zeros(3), empty], Calibration(), "mean")


def test_of_several_people_the_highest_counts_whatever_the_calibration() -> None:
    """Which of the two leads depends on the temperature: sharp ones weigh a few high frames less."""
    spiky, steady, alone = np.array([9.0, 9.0, -2.0, -2.0, -2.0, -2.0]), np.full(4, 0.5), np.array([-1.0, 1.0])
    for temperature in (0.1, 1.0, 30.0):
        calibration = Calibration(temperature, 0.0)
        each = pooled_p_fake([spiky, steady, alone], calibration, "mean")
        found = pooled_p_fake([(spiky, steady), alone, (steady,)], calibration, "mean")
        assert found.tolist() == [max(each[:2]), each[2], each[1]]
    labels = np.arange(40) % 2
    one = [np.array([4.0 * label - 2 + i / 40]) for i, label in enumerate(labels)]
    with_others = [(frames, frames - 5) for frames in one]
    assert fit_calibration(with_others, labels, "mean") == fit_calibration(one, labels, "mean")


def test_operating_point_by_hand() -> None:
    reals, fakes = np.arange(40) / 40, 0.5 + np.arange(20) / 40
    labels = np.array([0] * 40 + [1] * 20)
    point = operating_point(labels, np.concatenate([reals, fakes]), fpr=0.05, missed=0.1)
    # Two of 40 reals may pass: the line lies midway between the second and third highest; two of 20 fakes may be missed, likewise.
    assert point.threshold == pytest.approx((37 / 40 + 38 / 40) / 2)
    assert point.genuine_below == pytest.approx((0.525 + 0.55) / 2)
    assert (point.fpr, point.real_videos, point.fake_videos) == (0.05, 40, 20)


@given(
    st.integers(20, 60),
    st.integers(1, 40),
    st.floats(0, 1),
    st.integers(0, 999),
    st.sampled_from([0.05, 0.1, 0.25]),
    st.sampled_from([0, 0.02, 0.1]),
)
def test_operating_points_keep_their_promises(reals: int, fakes: int, ahead: float, seed: int, fpr: float, missed: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.array([0] * reals + [1] * fakes)
    p_fake = np.clip(np.round(expit(rng.normal(ahead * 4 * labels, 2)), 2), 0, 0.99)
    point = operating_point(labels, p_fake, fpr, missed)
    assert (p_fake[labels == 0] >= point.threshold).mean() <= fpr + 1e-9
    assert (p_fake[labels == 1] < point.genuine_below).mean() <= missed + 1e-9
    assert 0 <= point.genuine_below <= point.threshold <= 1


@pytest.mark.parametrize(("fpr", "needed"), [(0.05, 20), (0.01, 100), (0.001, 1000)])
def test_too_few_real_videos_promise_nothing(fpr: float, needed: int) -> None:
    for reals in (needed - 1, needed):
        labels = np.array([0] * reals + [1])
        p_fake = np.linspace(0, 0.9, reals + 1)
        if reals < needed:
            with pytest.raises(DatasetError, match=rf"^{reals} real videos cannot promise .* {fpr:g}; at least {needed} are needed$"):
                operating_point(labels, p_fake, fpr, 0.1)
        else:
            assert operating_point(labels, p_fake, fpr, 0.1).real_videos == needed


def test_reals_at_the_top_of_the_scale_leave_no_threshold() -> None:
    """A threshold clipped to the scale would flag all of them and call it 5 %."""
    labels = np.array([0] * 40 + [1] * 5)
    with pytest.raises(DatasetError, match=r"more than 0\.05 of the 40 real videos score 1"):
        operating_point(labels, np.array([0.1] * 30 + [1.0] * 15), 0.05, 0.1)
    near = operating_point(labels, np.array([0.1] * 30 + [1 - 1e-9] * 15), 0.05, 0.1)
    assert 1 - 1e-9 < near.threshold <= 1


def test_without_fakes_the_line_is_one() -> None:
    point = operating_point(np.zeros(40, int), np.arange(40) / 40, 0.05, 0.1)
    assert point.genuine_below == point.threshold
    assert point.fake_videos == 0


@pytest.mark.parametrize("reals", [49, 98, 103, 107])
def test_one_in_all_of_them_is_supported_however_it_is_rounded(reals: int) -> None:
    """1 / 98 times 98 is a little less than 1."""
    scores, labels = np.linspace(0, 1, reals + 5), np.array([0] * reals + [1] * 5)
    assert operating_point(labels, scores, 1 / reals, 0.1).real_videos == reals


def test_pictures_of_one_video_promise_no_more_than_the_video() -> None:
    labels = np.array([0] * 120 + [1] * 120)
    scores, units = np.linspace(0, 1, 240), [f"video {place // 30}" for place in range(240)]
    with pytest.raises(DatasetError, match=r"^4 real videos cannot promise a false-positive rate of 0\.05; at least 20 are needed$"):
        operating_point(labels, scores, 0.05, 0.1, units)
    point = operating_point(labels, scores, 0.25, 0.1, units)
    assert (point.real_videos, point.fake_videos) == (4, 4)


def test_many_pictures_of_one_video_have_one_vote() -> None:
    """Of 20 real videos one has 400 low pictures: 5 % of the pictures would be all others, 5 % of the videos is one."""
    reals, fakes = np.concatenate([np.linspace(0.8, 0.9, 19), np.linspace(0, 0.3, 400)]), np.array([0.5] * 60 + [0.6, 0.95])
    labels, scores = np.array([0] * 419 + [1] * 62), np.concatenate([reals, fakes])
    units = [*(f"real {i}" for i in range(19)), *["many"] * 400, *["fakes"] * 60, "a", "b"]
    point = operating_point(labels, scores, 0.05, 0.4, units)
    assert (reals >= point.threshold).sum() == 1
    # One of three fake videos may lie below, which is all 60 pictures of it.
    assert 0.5 < point.genuine_below <= 0.6
    assert (point.real_videos, point.fake_videos) == (20, 3)


def test_many_pictures_of_one_video_fit_as_the_video_would() -> None:
    """Six hundred pictures of one real video that looks fake would leave no difference between the classes."""
    logits, labels = videos(60, 1.0, 0.0)
    logits, labels = [*logits, np.array([2.5])], np.append(labels, 0)
    units = [*(f"video {i}" for i in range(60)), "many"]
    alone = fit_calibration(logits, labels, "mean", units)
    assert alone == fit_calibration(logits, labels, "mean")
    more = fit_calibration([*logits, *[logits[-1]] * 599], np.append(labels, [0] * 599), "mean", [*units, *["many"] * 599])
    assert more.temperature == pytest.approx(alone.temperature, rel=1e-3)
    assert more.bias == pytest.approx(alone.bias, abs=1e-3)


@given(st.integers(20, 60), st.integers(1, 60), st.integers(0, 999), st.floats(0.05, 0.4), st.floats(0, 0.99))
def test_videos_that_are_one_sample_each_are_not_weighted(reals: int, fakes: int, seed: int, fpr: float, missed: float) -> None:
    labels = np.array([0] * reals + [1] * fakes)
    p_fake = np.round(np.random.default_rng(seed).random(reals + fakes) * 0.99, 2)
    point = operating_point(labels, p_fake, fpr, missed, [str(i) for i in range(reals + fakes)])
    assert point == operating_point(labels, p_fake, fpr, missed)
    allowed = int(np.floor(missed * fakes))
    assert (p_fake[labels == 1] < point.genuine_below).sum() <= allowed
