"""Figures of a slice: computed by hand, or undefined with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from screener.checkpoint import Calibration
from screener.evaluation.figures import FIGURE_NAMES, NO_SPREAD, Slice, Tally
from screener.evaluation.measurement import Sample, measure
from screener.evaluation.videos import scores_of
from screener.verdict.proportion import wilson_interval

from .made import item, row

THRESHOLD = 0.6


def logit(p_fake: float) -> float:
    return float(np.log(p_fake / (1 - p_fake)))


def slice_of(videos: list[tuple[int, list[float], str, str]]) -> Slice:
    """Videos as (label, p_fake of the frames, outcome, group)."""
    items = [item(f"{number}.mp4", label, group=group) for number, (label, _, _, group) in enumerate(videos)]
    rows = [
        row(one.path, [logit(p) for p in p_fakes], outcome=outcome)
        for one, (_, p_fakes, outcome, _) in zip(items, videos, strict=True)
    ]  # fmt: skip
    return measure("method", "some", Sample.of(scores_of(items, rows), Calibration(), "mean"), THRESHOLD)


VIDEOS: list[tuple[int, list[float], str, str]] = [
    (0, [0.1, 0.3], "genuine", "a"),
    (0, [0.4, 0.4], "undecided", "b"),
    (0, [0.7, 0.9], "fake", "c"),
    (0, [], "undecided", "d"),
    (1, [0.5, 0.9], "fake", "a"),
    (1, [0.2, 0.4], "genuine", "b"),
    (1, [0.95, 0.95], "fake", "e"),
]


def test_figures_by_hand() -> None:
    """Pooled: reals 0.2, 0.4, 0.8 and one without a score; fakes 0.7, 0.3, 0.95."""
    found = slice_of(VIDEOS)
    values = {name: figure.value for name, figure in found.figures.items()}
    assert list(values) == list(FIGURE_NAMES)
    assert (found.reals, found.reals_scored, found.fakes, found.fakes_scored) == (4, 3, 3, 3)
    # Of nine pairs the fakes win: 0.95 all three, 0.7 two, 0.3 one.
    assert values["video_auc"] == pytest.approx(6 / 9)
    frames = [(0, p) for _, ps, _, _ in VIDEOS[:4] for p in ps], [(1, p) for _, ps, _, _ in VIDEOS[4:] for p in ps]
    labels, p_fake = zip(*[*frames[0], *frames[1]], strict=True)
    assert values["frame_auc"] == pytest.approx(oracle.roc_auc_score(labels, p_fake))
    assert values["tpr_at_1_fpr"] == values["tpr_at_5_fpr"] == pytest.approx(1 / 3)
    assert values["recall"] == pytest.approx(2 / 3)
    assert values["precision"] == pytest.approx(2 / 3)
    assert values["false_positive_rate"] == pytest.approx(1 / 3)
    assert values["accuracy"] == pytest.approx(4 / 6)
    assert values["f1"] == pytest.approx(2 / 3)
    assert values["brier"] == pytest.approx((0.2**2 + 0.4**2 + 0.8**2 + 0.3**2 + 0.7**2 + 0.05**2) / 6)
    assert values["coverage"] == pytest.approx(6 / 7)
    assert values["decided"] == pytest.approx(5 / 7)
    # Decided: genuine real, fake real, fake fake, genuine fake, fake fake.
    assert values["decided_accuracy"] == pytest.approx(3 / 5)


def test_outcomes_and_scenes_by_hand() -> None:
    found = slice_of(VIDEOS)
    assert found.real_outcomes == Tally(genuine=1, undecided=2, fake=1)
    assert found.fake_outcomes == Tally(genuine=1, undecided=0, fake=2)
    scenes = found.same_scene
    assert scenes is not None
    # Scene a: 0.7 above 0.2; scene b: 0.3 below 0.4. Together the fakes win three of four pairs.
    assert (scenes.scenes, scenes.reals, scenes.fakes, scenes.pairs, scenes.won) == (2, 2, 2, 2, 1.0)
    assert scenes.share_won.value == pytest.approx(0.5)
    assert scenes.auc.value == pytest.approx(3 / 4)


def test_ties_in_a_scene_count_a_half_and_every_pair_of_it_counts() -> None:
    found = slice_of([(0, [0.5], "undecided", "a"), (1, [0.5], "undecided", "a"), (1, [0.6], "fake", "a")]).same_scene
    assert found is not None
    assert (found.pairs, found.won, found.share_won.interval) == (2, 1.5, None)
    assert found.share_won.note == found.auc.note == "no interval from a single scene"
    assert slice_of([(0, [0.5], "undecided", "a"), (1, [0.5], "undecided", "b")]).same_scene is None


def test_intervals_hold_the_value_and_come_again() -> None:
    one, again = slice_of(VIDEOS), slice_of(VIDEOS)
    assert one == again
    for name in ("video_auc", "frame_auc", "recall", "brier", "coverage"):
        figure = one.figures[name]
        assert figure.value is not None
        assert figure.interval is not None
        assert figure.interval[0] <= figure.value <= figure.interval[1], name


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    """Recall over 400 fakes of which 300 are found: 0.75 give or take 1.96 standard errors."""
    videos: list[tuple[int, list[float], str, str]] = [(1, [0.9 if i % 4 else 0.1], "fake", str(i)) for i in range(400)]
    found = slice_of([*videos, (0, [0.1], "genuine", "r"), (0, [0.2], "genuine", "s")]).figures["recall"]
    spread = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert found.value == pytest.approx(0.75)
    assert found.interval == pytest.approx((0.75 - spread, 0.75 + spread), abs=0.01)


@pytest.mark.parametrize(("label", "there", "missing"), [(1, "recall", "real"), (0, "false_positive_rate", "fake")])
def test_one_class_gives_what_it_can(label: int, there: str, missing: str) -> None:
    found = slice_of([(label, [0.9], "fake", "a"), (label, [0.2], "genuine", "b")]).figures
    assert found[there].value == pytest.approx(0.5)
    assert found["coverage"].value == 1.0
    assert found["decided_accuracy"].value == pytest.approx(0.5)
    for name in ("video_auc", "frame_auc", "accuracy", "f1", "precision", "ece", "brier", "tpr_at_5_fpr"):
        assert found[name].value is None
        assert found[name].interval is None
        assert found[name].note == f"no {missing} video could be scored"


def test_nobody_scored_lowers_coverage_and_is_no_half() -> None:
    found = slice_of([(0, [], "undecided", "a"), (1, [], "undecided", "b")])
    assert found.figures["coverage"].value == 0.0
    assert found.figures["video_auc"].note == "no real and no fake video could be scored"
    assert found.figures["decided_accuracy"].note == "no video to measure it on"
    with_one_more = slice_of([*VIDEOS, (1, [], "undecided", "f")])
    assert with_one_more.figures["video_auc"].value == slice_of(VIDEOS).figures["video_auc"].value


def test_what_so_few_videos_cannot_show_is_said() -> None:
    found = slice_of(VIDEOS).figures
    assert found["tpr_at_1_fpr"].note == "3 real videos cannot show 1 %: measured where none of them is flagged"
    many: list[tuple[int, list[float], str, str]] = [(0, [i / 100], "genuine", str(i)) for i in range(1, 26)]
    enough = slice_of([*many, (1, [0.9], "fake", "x"), (1, [0.1], "fake", "y")]).figures
    assert (enough["tpr_at_5_fpr"].note, enough["tpr_at_1_fpr"].note[:8]) == ("", "25 real ")
    single = slice_of([(0, [0.1], "genuine", "a"), (0, [0.2], "genuine", "b"), (1, [0.9], "fake", "c")]).figures
    assert (single["video_auc"].interval, single["video_auc"].note) == (None, "no interval from a single video")
    assert single["false_positive_rate"].interval == pytest.approx((0.0, 0.6576), abs=1e-4), "0 of 2 says little"
    assert single["false_positive_rate"].note == "0 of 2"
    assert single["coverage"].interval == pytest.approx((0.4385, 1.0), abs=1e-4), "3 of 3"
    quiet = slice_of([(0, [0.1], "genuine", "a"), (1, [0.2], "genuine", "c")]).figures["precision"]
    assert (quiet.value, quiet.note) == (None, "nothing lies at or above the threshold")


def test_no_figure_of_few_videos_looks_exact() -> None:
    """Three fakes above all reals, and flagged with none of them: every resample gives 1."""
    reals: list[tuple[int, list[float], str, str]] = [(0, [0.1 + i / 100], "genuine", f"r{i}") for i in range(9)]
    found = slice_of([*reals, *((1, [0.9], "fake", f"f{i}") for i in range(3))]).figures
    assert found["precision"].interval == found["recall"].interval == pytest.approx(wilson_interval(1.0, 3))
    assert (found["precision"].value, found["precision"].note) == (1.0, "3 of 3")
    for name in ("video_auc", "frame_auc", "average_precision", "equal_error_rate", "f1"):
        assert (found[name].interval, found[name].note) == (None, NO_SPREAD), name
    told = "9 real videos cannot show 5 %: measured where none of them is flagged"
    assert (found["tpr_at_5_fpr"].interval, found["tpr_at_5_fpr"].note) == (None, f"{told}; {NO_SPREAD}")
    assert all(figure.interval is None or figure.interval[0] < figure.interval[1] for figure in found.values())
    won = slice_of([(label, [0.2 + 0.6 * label], "undecided", group) for label in (0, 1) for group in "ab"]).same_scene
    assert won is not None and (won.share_won.value, won.share_won.interval, won.share_won.note) == (1.0, None, NO_SPREAD)


def test_pictures_of_one_group_are_one_in_every_interval() -> None:
    """Twenty frames of each of eight videos say no more about other videos than eight do."""
    rng = np.random.default_rng(0)
    looks = rng.normal(0, 1, 16) + np.repeat([0, 1], 8)
    found = {}
    for copies in (1, 20):
        items = [item(f"{v}/{k}.png", v // 8, group=f"video {v}") for v in range(16) for k in range(copies)]
        rows = [row(one.path, [float(looks[number // copies])]) for number, one in enumerate(items)]
        found[copies] = measure("method", "some", Sample.of(scores_of(items, rows), Calibration(), "mean"), THRESHOLD).figures
    for name in ("video_auc", "frame_auc", "brier", "accuracy", "decided"):
        assert found[20][name].value == pytest.approx(found[1][name].value), name
        assert found[20][name].interval == pytest.approx(found[1][name].interval), name


def test_a_share_of_pictures_is_a_share_of_what_its_interval_counts() -> None:
    """A real video in nine pictures, all flagged, and three reals that are not: one of four, as the interval takes it."""
    items = [item(f"many/{k}.png", 0, group="many") for k in range(9)] + [item(f"{k}.png", 0, group=f"real {k}") for k in range(3)]
    items += [item("found.png", 1), item("missed.png", 1)]
    looks = [2.0] * 9 + [-2.0] * 3 + [1.0, -1.0]
    rows = [
        row(one.path, [look], outcome="fake" if look > 0 else "genuine") for one, look in zip(items, looks, strict=True)
    ]  # fmt: skip
    found = measure("method", "some", Sample.of(scores_of(items, rows), Calibration(), "mean"), THRESHOLD).figures
    assert found["false_positive_rate"].value == pytest.approx(1 / 4) and found["false_positive_rate"].note == "1 of 4"
    assert found["false_positive_rate"].interval == pytest.approx(wilson_interval(1 / 4, 4))
    assert found["accuracy"].value == found["decided_accuracy"].value == pytest.approx(4 / 6)
    assert found["precision"].value == pytest.approx(1 / 2)
    assert found["accuracy"].note == "4 of 6" and found["accuracy"].interval == pytest.approx(wilson_interval(4 / 6, 6))
    # The fake that is found lies below the flagged real, so without false positives none is found.
    assert (found["recall"].value, found["tpr_at_1_fpr"].value) == (0.5, 0.0)


def test_precision_is_of_what_the_flagged_pictures_weigh() -> None:
    """Five fakes, and one in a hundred pictures of each of fifty real videos, which weigh as half a video: not 50 of 55."""
    items = [item(f"{v}/{k}.png", 0, group=f"real {v}") for v in range(50) for k in range(100)]
    items += [item(f"{v}.png", 1, group=f"fake {v}") for v in range(5)]
    rows = [row(one.path, [3.0 if one.label or one.name.endswith("/0.png") else -3.0]) for one in items]
    found = measure("method", "some", Sample.of(scores_of(items, rows), Calibration(), "mean"), THRESHOLD).figures["precision"]
    assert found.value == pytest.approx(5 / 5.5)
    assert found.interval == pytest.approx(wilson_interval(5 / 5.5, 6)) and found.note == "5 of 6"


def test_a_group_of_reals_and_fakes_has_a_vote_for_each_label() -> None:
    """Ten groups of a real and a fake picture each; all reals and half of the fakes are told."""
    items = [item(f"{label}/{k}.png", label, group=f"scene {k}") for k in range(10) for label in (0, 1)]
    rows = [row(one.path, [1.0 if one.label and k < 10 else -1.0]) for k, one in enumerate(items)]
    accuracy = measure("method", "some", Sample.of(scores_of(items, rows), Calibration(), "mean"), THRESHOLD).figures["accuracy"]
    assert (accuracy.value, accuracy.note) == (0.75, "15 of 20")
    assert accuracy.interval == pytest.approx(wilson_interval(0.75, 20))
