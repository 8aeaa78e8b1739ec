"""Calibration and thresholds are measured on groups that they were not fitted to."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from screener.checkpoint import Calibration
from screener.evaluation.held_out import DIVISIONS, HELD_OUT_NAMES, cross_rates, ece_by_luck, held_out_figures
from screener.evaluation.recalibration import held_out_error
from screener.evaluation.videos import VideoScore, video_score

from .made import item, row


def videos(number: int, scale: float, seed: int = 0) -> list[VideoScore]:
    """Logits that would be calibrated at `scale` 1: log-odds of being fake where reals lie around -1 and fakes around 1."""
    rng = np.random.default_rng(seed)
    scores = []
    for i in range(number):
        label = i % 2
        one = item(f"{i}.mp4", label)
        scores.append(video_score(one, row(one.path, [scale * 2 * float(rng.normal(2 * label - 1))])))
    return scores


def test_a_wrong_temperature_is_mended_on_the_other_half() -> None:
    found = held_out_figures(videos(200, scale=5.0), "mean")
    assert found.divisions == DIVISIONS
    assert list(found.figures) == list(HELD_OUT_NAMES)
    # Uncalibrated, logits five times too large are off by about 0.12 here.
    assert np.mean(found.figures["ece"]) < 0.09
    assert np.mean(found.figures["real_flagged"]) == pytest.approx(0.05, abs=0.04)
    # Two unit normals two apart, one-sided at 5 %: 1 - cdf(1.645 - 2) = 0.64.
    assert np.mean(found.figures["fake_caught"]) == pytest.approx(0.64, abs=0.1)


def test_scores_without_meaning_are_caught_as_often_as_reals_are_flagged() -> None:
    rng = np.random.default_rng(1)
    scores = [video_score(item(f"{i}", i % 2), row(f"/data/{i}", [float(rng.normal())])) for i in range(200)]
    found = held_out_figures(scores, "mean").figures
    assert np.mean(found["fake_caught"]) == pytest.approx(np.mean(found["real_flagged"]), abs=0.06)
    assert np.mean(found["brier"]) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("number", [0, 1, 30])
def test_too_few_videos_are_said(number: int) -> None:
    found = held_out_figures(videos(number, 1.0), "mean")
    assert (found.divisions, found.figures) == (0, {})
    assert found.note == "takes at least 10 real and 10 fake scored videos in each half of the groups"
    assert found.to_dict() == {"fpr": 0.05, "figures": {}, "note": found.note, "divisions": 0}


@pytest.mark.parametrize(
    ("p_fake", "expected"),
    [
        ([0.5], 0.5),
        ([0.5, 0.5], 0.25),  # both alike half of the time, off by a half; else exactly right
        ([0.25, 0.75], 0.375),  # each alone in its bin: 2 p (1 - p)
        ([0.0, 1.0], 0.0),
    ],
)
def test_the_luck_of_few_videos_by_hand(p_fake: list[float], expected: float) -> None:
    assert ece_by_luck(np.array(p_fake), draws=4000) == pytest.approx(expected, abs=0.02)


def test_luck_falls_with_the_root_of_the_number() -> None:
    few, many = (ece_by_luck(np.full(n, 0.5)) for n in (25, 400))
    assert few / many == pytest.approx(4, rel=0.2)


def test_luck_takes_memory_by_the_video_and_not_by_the_draw() -> None:
    p_fake = np.random.default_rng(0).random(5000)
    tracemalloc.start()
    ece_by_luck(p_fake, draws=200, votes=np.arange(5000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6  # two hundred draws of 5000 numbers are 8 MB


def pictures(looks: list[float], each: int) -> list[VideoScore]:
    """`each` alike pictures of every video, which are fake in turns."""
    named = [(item(f"{v}/{k}.png", v % 2, group=f"video {v}"), look) for v, look in enumerate(looks) for k in range(each)]
    return [video_score(one, row(one.path, [look])) for one, look in named]


def test_pictures_of_few_videos_are_few() -> None:
    """With one real video in a half, the finest rate that it supports would be 1, which is no rate."""
    few = pictures([float(v % 2) + v / 10 for v in range(8)], each=30)
    found = held_out_figures(few, "mean")
    assert (found.divisions, found.note[:25]) == (0, "takes at least 10 real an")
    assert held_out_error(few, Calibration(), "mean").after == ()
    enough = pictures([float(v % 2) + v / 100 for v in range(60)], each=2)
    assert held_out_figures(enough, "mean").divisions > 0 and held_out_error(enough, Calibration(), "mean").after


def test_pictures_of_a_video_are_fake_together_by_luck_too() -> None:
    p_fake = np.repeat(np.linspace(0.2, 0.8, 40), 25)
    videos_of = np.repeat(np.arange(40), 25)
    assert ece_by_luck(p_fake, votes=videos_of) == pytest.approx(ece_by_luck(p_fake[::25]))
    assert ece_by_luck(p_fake) < 0.3 * ece_by_luck(p_fake, votes=videos_of)
    assert ece_by_luck(p_fake[::25], votes=np.arange(40) * 2) == ece_by_luck(p_fake[::25])


def test_one_real_video_left_to_fit_to_gives_no_rates() -> None:
    scores = [video_score(item(f"{i}", label), row(f"/data/{i}", [i - 2.0])) for i, label in enumerate((0, 0, 1, 1))]
    assert cross_rates(scores, "mean", [0.5]) == ()


def test_rates_are_those_of_folds_that_nothing_was_fitted_to() -> None:
    five, ten = cross_rates(videos(400, scale=2.0), "mean", [0.05, 0.1])
    assert (five.fpr, five.reals, five.fakes) == (0.05, 200, 200)
    assert five.reals_called_fake / 200 == pytest.approx(0.05, abs=0.03)
    assert five.fakes_found / 200 == pytest.approx(0.64, abs=0.08)  # 1 - cdf(1.645 - 2)
    assert ten.reals_called_fake > five.reals_called_fake and ten.fakes_found > five.fakes_found


def test_a_group_that_is_unlike_the_others_is_not_judged_by_a_threshold_of_its_own() -> None:
    """All reals of one group score high: a threshold fitted with them would let them pass, one fitted without calls each of them fake."""
    scores = [video_score(item(f"{i}", 0), row(f"/data/{i}", [-2.0 + i / 100])) for i in range(100)]
    scores += [video_score(item(f"f{i}", 1), row(f"/data/f{i}", [1.0 + i / 100])) for i in range(100)]
    odd = [video_score(replace(item(f"o{i}", 0), group="odd"), row(f"/data/o{i}", [5.0])) for i in range(20)]
    (found,) = cross_rates([*scores, *odd], "mean", [0.1])
    assert found.reals == 120
    # Fitted to all of them, the threshold would lie above the odd group: at most 12 of the 120.
    assert 20 <= found.reals_called_fake <= 36


def test_one_class_gives_no_rates() -> None:
    assert cross_rates([one for one in videos(40, 1.0) if one.video.label == 0], "mean", [0.05]) == ()


def test_rates_of_pictures_are_counted_by_the_video_they_are_from() -> None:
    """Of 20 real videos with ten frames each, four look fake from end to end, and four in half of their frames: 4 + 4 / 2."""
    scores = []
    for video in range(40):
        label, look = video % 2, video // 2
        for frame in range(10):
            is_high = look < 4 or (look < 8 and frame % 2)
            one = item(f"{video}/{frame}.png", label, group=f"video {video}")
            scores.append(video_score(one, row(one.path, [5.0 if label else 3.0 if is_high else -3.0 - look - frame / 100])))
    (rates,) = cross_rates(scores, "mean", [0.35])
    assert (rates.reals, rates.fakes, rates.fakes_found) == (20, 20, 20)
    # The threshold lets 35 % of the frames be called fake: those and a few more.
    assert 6 <= rates.reals_called_fake <= 8


def test_the_rate_is_the_one_that_thresholds_were_chosen_for() -> None:
    """26 reals in two halves: about 13 support 1 in 13, and half of the scenes holds a few more or fewer."""
    found = held_out_figures(videos(52, 1.0), "mean")
    assert found.divisions > 0
    assert 1 / 13 <= found.fpr <= 1 / 10
    assert found.to_dict()["fpr"] == found.fpr
    assert held_out_figures(videos(200, 1.0), "mean").fpr == 0.05


def test_shares_are_of_the_videos_and_not_of_their_pictures() -> None:
    """More pictures of some videos, all alike, move neither calibration nor threshold nor shares."""
    rng, found = np.random.default_rng(2), []
    looks = [float(rng.normal(i % 2)) for i in range(120)]
    for more in (1, 7):
        scores = []
        for i, look in enumerate(looks):
            for k in range(more if i % 3 == 0 else 1):
                one = item(f"{i}/{k}.png", i % 2, group=f"video {i:03}")
                scores.append(video_score(one, row(one.path, [look])))
        found.append(held_out_figures(scores, "mean").figures)
    for name in ("real_flagged", "fake_caught"):
        assert found[1][name] == pytest.approx(found[0][name]), name
