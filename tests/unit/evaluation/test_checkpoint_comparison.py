"""Two checkpoints on the same videos: differences computed by hand, and intervals narrowed by pairing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from screener.evaluation import checkpoint_comparison, held_out, measurement
from screener.evaluation.checkpoint_comparison import Comparison, Side, comparison_of
from screener.evaluation.figures import FIGURE_NAMES
from screener.evaluation.results import origin_of

from .made import item, row, several


def side(name: str, rows: list[dict[str, Any]]) -> Side:
    return Side(name, tuple(rows), origin_of(rows[0]))


def compared(per_class: int, noise: float, gain: float, seed: int = 0) -> Comparison:
    """A and B share what makes a video hard; B parts the classes by `gain` more, and differs by `noise` of its own."""
    rng = np.random.default_rng(seed)
    items = [item(f"{i}.mp4", i % 2) for i in range(2 * per_class)]
    hard = [float(rng.normal((i % 2) - 0.5)) for i in range(2 * per_class)]
    a = [row(one.path, [x]) for one, x in zip(items, hard, strict=True)]
    b = [row(one.path, [x + gain * one.label + noise * float(rng.normal())]) for one, x in zip(items, hard, strict=True)]
    return comparison_of(items, side("a", a), side("b", b), "made")


def test_the_same_results_differ_by_nothing() -> None:
    items, rows = several(4)
    found = comparison_of(items, side("a", rows), side("b", rows), "made")
    for one in found.differences:
        assert one.a == one.b
        assert one.difference in (0.0, None)
        assert one.interval in ((0.0, 0.0), None)
        assert not one.is_clear
    assert {one.figure for one in found.differences} == set(FIGURE_NAMES)
    assert {one.kind for one in found.differences} == {"headline", "family", "method"}


def test_values_are_those_of_each_side_and_the_difference_is_b_minus_a() -> None:
    found = compared(20, noise=0.3, gain=1.0)
    rows = found.of("headline")[found.a.headline.name]
    for name in ("video_auc", "brier", "recall", "coverage"):
        assert rows[name].a == found.a.headline.figures[name].value
        assert rows[name].b == found.b.headline.figures[name].value
        assert rows[name].difference == pytest.approx((rows[name].b or 0) - (rows[name].a or 0))
    assert (rows["video_auc"].difference or 0) > 0
    assert (rows["brier"].difference or 0) < 0


def test_pairing_finds_what_the_two_intervals_hide() -> None:
    found = compared(60, noise=0.1, gain=0.4)
    a, b = found.a.headline.figures["video_auc"], found.b.headline.figures["video_auc"]
    assert a.interval is not None
    assert b.interval is not None
    assert a.interval[1] > b.interval[0], "the two intervals overlap"
    paired = found.of("headline")[found.a.headline.name]["video_auc"]
    assert paired.is_clear
    assert paired.interval is not None
    assert paired.interval[1] - paired.interval[0] < 0.5 * (a.interval[1] - a.interval[0])


def test_pure_noise_is_rarely_a_clear_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (checkpoint_comparison, measurement):
        monkeypatch.setattr(module, "RESAMPLES", 200)
    # What each side would get on held-out halves is most of the work, and no part of the difference.
    monkeypatch.setattr(held_out, "LEAST_OF_A_CLASS", 1000)
    clear = [compared(30, noise=0.5, gain=0.0, seed=seed).of("headline") for seed in range(20)]
    assert sum(next(iter(found.values()))["video_auc"].is_clear for found in clear) <= 4


def test_only_videos_scored_by_both_make_a_score_but_coverage_counts_all() -> None:
    items = [item(f"{i}.mp4", i % 2) for i in range(8)]
    logits = [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 5.0, 1.0]
    a = [row(one.path, [x]) for one, x in zip(items, logits, strict=True)]
    b = [row(one.path, [x] if i not in (6, 7) else []) for i, (one, x) in enumerate(zip(items, logits, strict=True))]
    a[7] = row(items[7].path, [])
    found = comparison_of(items, side("a", a), side("b", b), "made")
    assert (found.scored_by_both, found.only_a, found.only_b, found.neither) == (6, 1, 0, 1)
    rows = found.of("headline")[found.a.headline.name]
    # Alone, A is wrong about the real that only it could score.
    assert (found.a.headline.figures["video_auc"].value or 1) < 1.0
    assert (rows["video_auc"].a, rows["video_auc"].b) == (1.0, 1.0)
    assert (rows["video_auc"].reals, rows["video_auc"].fakes) == (3, 3)
    assert (rows["coverage"].a, rows["coverage"].b, rows["coverage"].reals) == (7 / 8, 6 / 8, 4)


def test_each_side_decides_at_its_own_threshold() -> None:
    items, rows = several(4)
    strict = [{**one, "threshold": 0.99} for one in rows]
    found = comparison_of(items, side("a", rows), side("b", strict), "made").of("headline")
    recall = next(iter(found.values()))["recall"]
    assert (recall.a or 0) > 0
    assert recall.b == 0.0


def test_what_one_side_lacks_has_its_reason() -> None:
    items, rows = several(2)
    silent = [row(one.path, []) for one in items]
    found = comparison_of(items, side("a", rows), side("b", silent), "made").of("headline")
    auc = next(iter(found.values()))["video_auc"]
    assert (auc.difference, auc.interval, auc.note) == (None, None, "no real and no fake video could be scored")


def test_the_json_is_plain() -> None:
    plain = compared(4, 0.1, 0.1).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["a"]["schema_version"] == plain["schema_version"] == 1
    assert plain["differences"][0]["figure"] == "video_auc"
