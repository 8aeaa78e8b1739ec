"""Which engine the settings select, and what is refused. Tests that need a model file are in `integration/test_exported_models.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from screener.checkpoint import load_checkpoint
from screener.errors import CheckpointError, DeviceError, SettingsError
from screener.scanning import engines
from screener.scanning.engines import ENGINES, build_scorer, model_beside
from screener.scoring import devices
from screener.settings import ScanSettings


def on_cpu(**settings: object) -> ScanSettings:
    return ScanSettings.from_mapping({"device": "cpu", **settings})


def test_pytorch_scores_where_it_is_named(tiny_checkpoint: Path) -> None:
    scorer = build_scorer(load_checkpoint(tiny_checkpoint), on_cpu(engine="torch", dtype="float32", batch_size=3))
    assert scorer.ran_on() == {"engine": "torch", "device": "cpu", "dtype": "float32"}
    assert scorer.batch_size == 3


def test_an_unknown_engine_is_refused_with_the_known_ones(tiny_checkpoint: Path) -> None:
    with pytest.raises(SettingsError, match=rf"engine: expected one of {', '.join(ENGINES)} or the path.*'tensorrt'"):
        build_scorer(load_checkpoint(tiny_checkpoint), on_cpu(engine="tensorrt"))


@pytest.mark.parametrize(
    ("settings", "words"), [({"device": "cuda"}, "it runs on the CPU"), ({"device": "cpu", "dtype": "bfloat16"}, "its dtype")]
)
def test_settings_that_a_model_file_cannot_keep_are_refused(settings: dict[str, str], words: str, tiny_checkpoint: Path) -> None:
    with pytest.raises(SettingsError, match=f"engine onnxruntime: {words}"):
        build_scorer(load_checkpoint(tiny_checkpoint), ScanSettings.from_mapping({"engine": "model.onnx", **settings}))


def test_a_missing_onnx_runtime_names_the_extra(monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DeviceError, match=r'pip install "screener-video\[onnxruntime\]"'):
        build_scorer(load_checkpoint(tiny_checkpoint), on_cpu(engine="onnxruntime"))


def test_a_missing_model_says_how_to_make_one(tiny_checkpoint: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra onnxruntime")
    checkpoint = load_checkpoint(tiny_checkpoint)
    beside = model_beside(checkpoint)
    assert beside == tiny_checkpoint.with_name("tiny.int8.onnx")
    with pytest.raises(CheckpointError, match=r"tiny.int8.onnx: there is no such file; make one with screener export"):
        build_scorer(checkpoint, on_cpu(engine="onnxruntime"))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra onnxruntime")
    model = tmp_path / "broken.onnx"
    model.write_bytes(b"no model at all")
    with pytest.raises(CheckpointError, match=r"broken.onnx: ONNX Runtime cannot load it"):
        build_scorer(load_checkpoint(tiny_checkpoint), on_cpu(engine=str(model)))


def test_opencv_needs_nothing_beside_the_checkpoint(tiny_checkpoint: Path) -> None:
    scorer = build_scorer(load_checkpoint(tiny_checkpoint), on_cpu(engine="opencv"))
    assert scorer.ran_on() == {"engine": "opencv", "device": "cpu", "dtype": "float32"}


@pytest.mark.parametrize("settings", [{"device": "cuda"}, {"device": "cpu", "dtype": "bfloat16"}])
def test_opencv_computes_on_the_processor_in_float32_only(settings: dict[str, str], tiny_checkpoint: Path) -> None:
    with pytest.raises(SettingsError, match=r"engine opencv: it computes in float32 on the CPU; .* take --engine torch"):
        build_scorer(load_checkpoint(tiny_checkpoint), ScanSettings.from_mapping({"engine": "opencv", **settings}))


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({}, "opencv"),
        ({"dtype": "float32", "frames": 64}, "opencv"),
        ({"until_sure": True}, "opencv"),
        ({"frames": 65}, "torch"),
        ({"all_frames": True}, "torch"),
        ({"fps": 2.0}, "torch"),
        ({"stress": True}, "torch"),
        ({"dtype": "bfloat16"}, "torch"),
        ({"engine": "torch"}, "torch"),
    ],
)
def test_one_input_of_few_frames_does_without_pytorch(settings: dict[str, object], engine: str, tiny_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    assert build_scorer(checkpoint, on_cpu(**settings), once=True).ran_on()["engine"] == engine
    assert build_scorer(checkpoint, on_cpu(**settings)).ran_on()["engine"] == "torch", "several inputs are worth loading PyTorch for"


def test_a_wide_network_is_computed_by_pytorch(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    monkeypatch.setattr(engines, "NARROW_WEIGHTS", sum(values.size for values in checkpoint.weights.values()) - 1)
    assert build_scorer(checkpoint, on_cpu(), once=True).ran_on()["engine"] == "torch"


def test_the_default_weights_are_narrow() -> None:
    assert sum(values.size for values in load_checkpoint().weights.values()) <= engines.NARROW_WEIGHTS


def test_where_a_driver_of_a_gpu_is_pytorch_is_asked_what_it_can_use(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(engines, "has_accelerator", lambda: True)
    monkeypatch.setattr(devices, "choose_device", lambda name: asked.append(name) or torch.device("cpu"))
    assert build_scorer(load_checkpoint(tiny_checkpoint), ScanSettings(), once=True).ran_on()["engine"] == "opencv"
    assert asked == ["auto"]
