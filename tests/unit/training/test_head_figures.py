"""A head's figures against scikit-learn and hand computations."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from screener.training.head_figures import figures, groups_by_name, log_loss, spread


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(-8, 8)), min_size=2, max_size=50))
def test_they_agree_with_scikit_learn(rows: list[tuple[int, float]]) -> None:
    labels = np.array([label for label, _ in rows], np.int64)
    logits = np.array([logit for _, logit in rows])
    found = figures(labels, logits, [str(n) for n in range(len(rows))])
    called = (logits >= 0).astype(int)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, called))
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, called, zero_division=0))
    assert found["precision"] == pytest.approx(metrics.precision_score(labels, called, zero_division=0))
    assert found["recall"] == pytest.approx(metrics.recall_score(labels, called, zero_division=0))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, 1 / (1 + np.exp(-logits)), labels=[0, 1]), abs=1e-9)
    if len(set(labels.tolist())) == 2:
        assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, logits))
        assert found["average_precision"] == pytest.approx(metrics.average_precision_score(labels, logits))
    else:
        assert "auc" not in found


def test_the_log_loss_of_a_confident_mistake_is_finite() -> None:
    assert log_loss(np.array([1, 0]), np.array([-2000.0, -2000.0])) == pytest.approx(1000.0)
    assert log_loss(np.array([1]), np.array([0.0])) == pytest.approx(math.log(2))


def test_frames_of_a_video_are_judged_together_too() -> None:
    """Frame by frame one fake frame lies below a real one; by mean probability the videos are in order."""
    labels = np.array([0, 0, 1, 1])
    logits = np.array([-4.0, 1.0, 0.5, 6.0])
    found = figures(labels, logits, ["real.mp4", "real.mp4", "fake.mp4", "fake.mp4"])
    assert found["auc"] == pytest.approx(3 / 4)
    assert found["video_auc"] == 1.0
    assert found["videos"] == 2
    assert "video_auc" not in figures(labels, logits, ["a", "b", "c", "d"])


def test_no_rows_have_no_figures() -> None:
    assert figures(np.zeros(0, np.int64), np.zeros(0), []) == {"rows": 0, "real": 0, "fake": 0}


def test_the_spread_over_folds() -> None:
    values = [0.7, 0.8, 0.75]
    found = spread([{"auc": value, "rows": 4, "f1": 0.5} for value in values])
    assert found["auc"].mean == pytest.approx(statistics.mean(values))
    assert found["auc"].deviation == pytest.approx(statistics.stdev(values))
    assert (found["auc"].lowest, found["auc"].highest) == (0.7, 0.8)
    assert "rows" not in found
    assert spread([{"auc": 0.7}])["auc"].deviation == 0
    assert spread([{"auc": 0.7}, {}]) == {}
    assert spread([]) == {}


def test_rows_of_one_name_are_grouped_in_the_order_of_appearance() -> None:
    assert [group.tolist() for group in groups_by_name(["b", "a", "b", "c"])] == [[0, 2], [1], [3]]
