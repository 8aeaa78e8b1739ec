"""Pictures do not depend on the number of decoding threads."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from video_media import read, write_clip

from screener.records import Frame
from screener.settings import ScanSettings
from screener.video import SeekPlan, equal_slices, file_source, open_video


def slope(number: int) -> np.ndarray:
    rising = np.add.outer(np.arange(176) + 3 * number, np.arange(240))
    return np.repeat(np.minimum(rising, 255).astype(np.uint8)[..., None], 3, axis=2)


def in_one_thread(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


def looked_at(path: Path) -> list[Frame]:
    with open_video(file_source(path), ScanSettings(), SeekPlan(equal_slices(24))) as video:
        return sorted(video.frames(), key=lambda frame: frame.pts_seconds)


@pytest.mark.parametrize("way", ["in order", "here and there"])
def test_dirac_of_ten_bits(tmp_path: Path, way: str) -> None:
    """FFmpeg's threads give other pictures each time, and no complaint."""
    options = {"b": "3000k", "g": "8"}
    path = write_clip(tmp_path / "a.avi", "vc2", 24, size_wh=(240, 176), pixel_format="yuv420p10le", options=options, picture=slope)
    expected = in_one_thread(path)
    for _ in range(6):
        frames = read(path, all_frames=True)[0] if way == "in order" else looked_at(path)
        assert [frame.index for frame in frames] == list(range(24))
        for frame, picture_rgb in zip(frames, expected, strict=True):
            assert np.abs(frame.picture_rgb.astype(int) - picture_rgb).mean() < 3
