"""The curves: drawn with matplotlib, skipped without it."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import pytest

from screener.errors import OutputError
from screener.training import curves
from screener.training.curves import draw_curves

from .test_metrics_log import row

ROWS = [row(fold, epoch, validation_auc=0.5 + epoch / 10) for fold in (1, 2) for epoch in (1, 2, 3)]


def test_without_matplotlib_nothing_is_drawn_and_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert draw_curves(tmp_path / "head.curves", ROWS) == []
    assert not list(tmp_path.iterdir())
    assert "pip install matplotlib" in curves.MISSING


def test_a_picture_and_a_drawing_with_every_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = draw_curves(tmp_path / "head.curves", ROWS)
    assert [path.name for path in paths] == ["head.curves.png", "head.curves.svg"]
    picture = cv2.imread(str(paths[0]))
    assert picture is not None
    assert picture.shape[0] > 300
    assert len({tuple(pixel) for pixel in picture.reshape(-1, 3)[::7].tolist()}) > 10
    ElementTree.fromstring(paths[1].read_text())
    drawing = paths[1].read_text()
    for words in ("training, fold 1", "validation, fold 2", "AUC, fold 1", "F1, fold 2"):
        assert f"<!-- {words} -->" in drawing
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in draw_curves(tmp_path / "head.curves", ROWS)] == before


def test_a_full_disk_leaves_no_half_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = pytest.importorskip("matplotlib.figure")

    def full(self: object, stream: object, **_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(figure.Figure, "savefig", full)
    with pytest.raises(OutputError, match=r"head\.curves\.png: cannot be written: No space left"):
        draw_curves(tmp_path / "head.curves", ROWS)
    assert not list(tmp_path.iterdir())
