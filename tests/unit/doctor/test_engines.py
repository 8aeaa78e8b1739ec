"""Engines that score differently from PyTorch are noticed."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from screener.checkpoint import Checkpoint, load_checkpoint
from screener.doctor.engines import MOST_APART, compare_engines
from screener.doctor.findings import Fault
from screener.doctor.specimen import make_specimen
from screener.export import agreement
from screener.scanning.engines import ENGINES, Engine
from screener.settings import ScanSettings


def test_opencv_scores_as_pytorch_does(tiny_checkpoint: Path) -> None:
    said = compare_engines(load_checkpoint(tiny_checkpoint), make_specimen())
    assert float(said.rpartition("opencv ")[2]) < 1e-4


def with_8_bits(tiny_checkpoint: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, off: float) -> Checkpoint:
    """The checkpoint with a model beside it whose logits are off by `off`."""
    path, real = folder / "tiny.safetensors", ENGINES["opencv"]
    shutil.copyfile(tiny_checkpoint, path)
    path.with_suffix(".int8.onnx").touch()

    def rounded(checkpoint: Checkpoint, settings: ScanSettings) -> Engine:
        engine = real(checkpoint, settings)
        monkeypatch.setattr(engine, "logits", lambda crops_rgb, right=engine.logits: right(crops_rgb) + off)
        monkeypatch.setattr(engine, "dtype_name", "int8")
        return engine

    monkeypatch.setitem(ENGINES, "onnxruntime", rounded)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    return load_checkpoint(path)


def test_eight_bits_may_round_as_far_as_the_export_promises(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_APART["int8"] == agreement.MOST_APART["int8"]
    said = compare_engines(with_8_bits(tiny_checkpoint, tmp_path, monkeypatch, off=0.04), make_specimen())
    assert 0.001 < float(said.rpartition("onnxruntime ")[2]) <= 0.02


@pytest.mark.parametrize(("off", "told"), [(0.25, r"on average; up to 0\.02 is usual"), (3.0, r"in float32; up to 0\.1 is usual")])
def test_eight_bits_that_round_further_are_a_fault(
    off: float, told: str, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Fault, match=rf"^onnxruntime gives p_fake that is 0\.\d+ from PyTorch's .*{told}"):
        compare_engines(with_8_bits(tiny_checkpoint, tmp_path, monkeypatch, off), make_specimen())


def test_without_onnxruntime_a_model_beside_is_not_tried(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = with_8_bits(tiny_checkpoint, tmp_path, monkeypatch, off=3.0)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "onnxruntime" not in compare_engines(checkpoint, make_specimen())


def test_an_engine_of_other_weights_is_a_fault(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, real = load_checkpoint(tiny_checkpoint), ENGINES["opencv"]

    def other(checkpoint: Checkpoint, settings: ScanSettings) -> Engine:
        engine = real(checkpoint, settings)
        monkeypatch.setattr(engine, "logits", lambda crops_rgb, right=engine.logits: right(crops_rgb) + 0.5)
        return engine

    monkeypatch.setitem(ENGINES, "opencv", other)
    with pytest.raises(Fault, match=r"opencv gives p_fake that is 0\.\d+ from PyTorch's in float32; up to 0\.001 is usual"):
        compare_engines(sound, make_specimen())
