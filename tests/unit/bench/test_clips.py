"""Generated clips have the requested size, length and number of people."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from screener import ScanSettings
from screener.bench import make_clip
from screener.faces import MtcnnDetector
from screener.video import file_source, open_video


@pytest.mark.parametrize(("people", "size_wh"), [(1, (426, 240)), (3, (640, 360))])
def test_as_many_faces_as_people_in_every_frame(people: int, size_wh: tuple[int, int], tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", size_wh, people, 0.5)
    with closing(open_video(file_source(tmp_path / "clip.mp4"), ScanSettings(frames=3))) as video:
        frames = list(video.frames())
        assert video.facts.frames_decoded == 15
        assert video.facts.size_wh == size_wh
    detector = MtcnnDetector()
    assert [len(detector.detect(frame.picture_rgb)) for frame in frames] == [people] * 3
