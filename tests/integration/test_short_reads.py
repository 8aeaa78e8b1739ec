"""A truncated clip never has complete coverage and is never genuine, wherever it was cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from face_media import write_clip
from numpy.typing import NDArray

from screener import Screener
from screener.records import FaceBox

CLIPS = {
    "index in front": ("mp4", "libx264", {"movflags": "faststart"}),
    "index at the end": ("mp4", "libx264", {}),
    "matroska": ("mkv", "libx264", {}),
    "avi": ("avi", "mpeg4", {}),
}
"""Suffix, encoder and options of the container."""

KEPT = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99)
"""Shares of the file that are left."""


@pytest.fixture
def sure(loaded: Screener, monkeypatch: pytest.MonkeyPatch) -> Screener:
    """Finds the face where it is in every frame at once: here only the reading counts."""

    def detect_all(pictures_rgb: list[NDArray[np.uint8]]) -> list[list[FaceBox]]:
        return [[FaceBox(np.array([50, 50, 130, 150], np.float32), 0.99, np.zeros((5, 2), np.float32))] for _ in pictures_rgb]

    monkeypatch.setattr(loaded.detector, "detect_all", detect_all)
    return loaded


@pytest.mark.parametrize("kind", CLIPS)
def test_a_cut_copy_is_never_complete_and_never_genuine(kind: str, sure: Screener, tmp_path: Path) -> None:
    suffix, codec, options = CLIPS[kind]
    whole = write_clip(tmp_path / f"whole.{suffix}", codec=codec, options=options, frames=24)
    verdict = sure.scan(whole)
    assert (verdict.outcome, verdict.coverage) == ("genuine", "complete"), verdict.reasons
    content = whole.read_bytes()
    for left in [*(int(len(content) * share) for share in KEPT), len(content) - 1]:
        cut = tmp_path / f"cut.{suffix}"
        cut.write_bytes(content[:left])
        assert_not_waved_through(sure.scan(cut), left, len(content))


def assert_not_waved_through(verdict: Any, left: int, size: int) -> None:
    said = f"{left} of {size} bytes: {verdict.outcome}, {verdict.coverage}, {verdict.reasons}"
    assert verdict.coverage != "complete", said
    assert verdict.outcome == "undecided", said
    assert verdict.reasons, said
