"""A scan of one clip neither loads PyTorch nor answers otherwise than with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from screener import ScanSettings, Screener
from screener.bench import make_clip
from screener.scoring import TOLERANCE_P_FAKE

REFUSING = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise SystemExit(f"{name} was loaded")
sys.meta_path.insert(0, Refusing())
from screener.cli import main
main()
"""


def test_one_clip_is_judged_alike_where_pytorch_may_not_be_loaded(tiny_checkpoint: Path, tmp_path: Path) -> None:
    clip = tmp_path / "two.mp4"
    make_clip(clip, (426, 240), 2, 2.0)
    options = ["scan", str(clip), "--json", "--checkpoint", str(tiny_checkpoint), "--device", "cpu", "-q"]
    done = subprocess.run([sys.executable, "-c", REFUSING, *options], capture_output=True, text=True)
    assert done.returncode in (0, 1, 3), done.stderr
    found = json.loads(done.stdout)
    assert found["settings"]["engine"] == "opencv" and found["settings"]["dtype"] == "float32"
    expected = Screener(ScanSettings(device="cpu", engine="torch", dtype="float32"), tiny_checkpoint).scan(clip)
    assert (found["outcome"], found["coverage"], len(found["people"])) == (expected.outcome, expected.coverage, len(expected.people))
    scores = {(face["frame_index"], face["track_id"]): face["p_fake"] for face in found["frames"]}
    assert scores == pytest.approx(
        {(face.frame_index, face.track_id): face.p_fake for face in expected.frames}, abs=TOLERANCE_P_FAKE["float32"]
    )
    assert len(scores) > 20
