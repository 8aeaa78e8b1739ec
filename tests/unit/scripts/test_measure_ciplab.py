"""`scripts/measure_ciplab.py`: figures of the few pictures that were held out, which may be of one class."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

import measure_ciplab


@pytest.mark.parametrize("label", [0, 1])
def test_held_out_pictures_of_one_class_have_the_figures_that_these_define(label: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_ciplab, "held_out", lambda name, share: name.startswith("unseen"))
    names, labels = ["unseen 1.jpg", "unseen 2.jpg", "seen.jpg"], np.array([label, label, 1 - label])
    found = measure_ciplab.figures_of_unseen(names, labels, np.array([1.0, -1.0, 3.0]))
    assert (found["rows"], found["accuracy"]) == (2, 0.5)
    assert "auc" not in found
    assert found["f1 of real"] == pytest.approx(0.0 if label else 2 / 3)


def test_without_a_held_out_picture_there_are_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_ciplab, "held_out", lambda name, share: False)
    assert measure_ciplab.figures_of_unseen(["a.jpg", "b.jpg"], np.array([0, 1]), np.zeros(2))["rows"] == 0
