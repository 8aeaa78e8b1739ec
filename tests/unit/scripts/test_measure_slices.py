"""`scripts/measure_slices.py` and what shares it: no figure of faces that were cut for other weights, or found in other clips."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

import measure_flicker
import measure_slices
from many_inputs import save_tiny

from screener.model.preprocessing import Preprocessing


def test_weights_that_expect_other_faces_are_refused(tmp_path: Path) -> None:
    save_tiny(tmp_path / "tiny.safetensors")  # of 64 pixels
    with pytest.raises(SystemExit, match="input_size=64"):
        measure_slices.network_of(tmp_path / "tiny.safetensors")
    measure_slices.network_of(tmp_path / "tiny.safetensors", Preprocessing(input_size=64))


def test_faces_that_were_cut_for_other_weights_are_cut_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crops_of(_: Path, __: Any, rules: Preprocessing) -> tuple[np.ndarray, float]:
        return np.zeros((1, rules.input_size, rules.input_size, 3), np.uint8), 50.0

    monkeypatch.setattr(measure_slices, "MtcnnDetector", SimpleNamespace)
    monkeypatch.setattr(measure_slices, "crops_of", crops_of)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "manifest.csv").write_text("path,label,group\na.mp4,real,a\n", encoding="utf-8")
    for size in (64, 96):
        found = measure_slices.read_clips(tmp_path / "manifest.csv", tmp_path / "clips.npz", Preprocessing(input_size=size))
        assert found.crops[0].shape == (1, size, size, 3)


def test_a_clip_without_a_frame_has_no_crops(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    crops, side = measure_slices.crops_of(tmp_path / "text.mp4", SimpleNamespace())  # type: ignore[arg-type]
    assert crops.shape[0] == 0
    assert side == 0.0


def test_moments_of_other_clips_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moments_of(path: Path, _: Any) -> np.ndarray:
        return np.full((1, 1), int(path.name), np.uint8)

    monkeypatch.setattr(measure_flicker, "MtcnnDetector", SimpleNamespace)
    monkeypatch.setattr(measure_flicker, "moments_of", moments_of)
    first, second = (SimpleNamespace(name=name, path=Path(name)) for name in "12")
    for videos in ([first, second], [second, first], [second]):
        found = measure_flicker.read_moments(videos, tmp_path / "moments.npz")  # type: ignore[arg-type]
        assert [int(moments[0, 0]) for moments in found] == [int(video.name) for video in videos]
