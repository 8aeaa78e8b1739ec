"""Files of any name are decoded, by whichever reader."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from video_media import write_clip

from screener.settings import ScanSettings
from screener.video import file_source, open_video

OPTIONS = {"libx264": {"bf": "2"}, "libsvtav1": {"preset": "12"}}


@pytest.mark.parametrize(
    "name", ["a\nb.mp4", "\U0001f600.mp4", "-rf.mp4", "[bold].mp4", "f%03d.mp4", "file:x|y;z.mp4", os.fsdecode(b"\xff\xfe.mp4")]
)
@pytest.mark.parametrize("codec", OPTIONS)
def test_any_name_opens_in_both_readers(tmp_path: Path, name: str, codec: str) -> None:
    source = write_clip(tmp_path / "clip.mp4", codec, 5, options=OPTIONS[codec])
    path = source.rename(tmp_path / name)
    with open_video(file_source(path), ScanSettings(frames=4)) as video:
        assert len(list(video.frames())) == 4
    assert video.facts.reader == ("opencv" if codec == "libx264" else "pyav")
