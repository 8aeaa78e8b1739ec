"""The results of a scan do not depend on the number of cores used for face detection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from screener import ScanSettings, Screener
from screener.bench import make_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "three.mp4"
    make_clip(path, (426, 240), 3, 2.0)
    return path


@pytest.mark.parametrize("settings", [{}, {"until_sure": True}, {"detect_every": 3}], ids=["scan", "progressive", "following"])
def test_any_number_of_cores_finds_the_same(tiny_checkpoint: Path, clip: Path, settings: dict[str, object]) -> None:
    screener = Screener(ScanSettings(device="cpu", dtype="float32", **settings), tiny_checkpoint)  # type: ignore[arg-type]
    found = []
    for cores in (1, 4, 8):
        screener.cores = cores
        found.append(screener.scan(clip))
    alone = found[0]
    assert len(alone.people) == 3 and alone.coverage == "complete"
    for other in found[1:]:
        assert [(face.track_id, face.frame_index) for face in other.frames] == [(face.track_id, face.frame_index) for face in alone.frames]
        assert all(np.array_equal(a.box_xyxy, b.box_xyxy) for a, b in zip(other.frames, alone.frames, strict=True))
        assert [face.p_fake for face in other.frames] == pytest.approx([face.p_fake for face in alone.frames], abs=1e-3)
        assert (other.outcome, other.reasons) == (alone.outcome, alone.reasons)
