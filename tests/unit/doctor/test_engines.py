"""Engines that score differently from PyTorch are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.checkpoint import Checkpoint, load_checkpoint
from screener.doctor.engines import compare_engines
from screener.doctor.findings import Fault
from screener.doctor.specimen import make_specimen
from screener.scanning.engines import ENGINES, Engine
from screener.settings import ScanSettings


def test_opencv_scores_as_pytorch_does(tiny_checkpoint: Path) -> None:
    said = compare_engines(load_checkpoint(tiny_checkpoint), make_specimen())
    assert float(said.rpartition("opencv ")[2]) < 1e-4


def test_an_engine_of_other_weights_is_a_fault(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, real = load_checkpoint(tiny_checkpoint), ENGINES["opencv"]

    def other(checkpoint: Checkpoint, settings: ScanSettings) -> Engine:
        engine = real(checkpoint, settings)
        monkeypatch.setattr(engine, "logits", lambda crops_rgb, right=engine.logits: right(crops_rgb) + 0.5)
        return engine

    monkeypatch.setitem(ENGINES, "opencv", other)
    with pytest.raises(Fault, match=r"opencv gives p_fake that is 0\.\d+ from PyTorch's in float32; up to 0\.001 is usual"):
        compare_engines(sound, make_specimen())
