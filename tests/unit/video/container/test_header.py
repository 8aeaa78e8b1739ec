"""What a container's header says about how the file was made."""

from __future__ import annotations

from pathlib import Path

import pytest
from video_media import write_clip

from screener.errors import SourceError
from screener.video.container.header import ContainerFacts, read_container_facts


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "container"),
    [
        ("a.mp4", "libx264", "yuv444p", "mov/mp4"),
        ("a.webm", "libvpx-vp9", "yuv420p", "matroska/webm"),
        ("a.avi", "mpeg4", "yuv420p", "avi"),
    ],
)
def test_container_and_pixel_format(tmp_path: Path, name: str, codec: str, pixel_format: str, container: str) -> None:
    facts = read_container_facts(write_clip(tmp_path / name, codec, 5, pixel_format=pixel_format), name)
    assert (facts.container, facts.pixel_format, facts.sound) == (container, pixel_format, "none")
    assert facts.software.startswith("Lavf")


def test_profile_and_sound(tmp_path: Path) -> None:
    facts = read_container_facts(write_clip(tmp_path / "a.mp4", options={"profile": "main"}, audio_seconds=1.0), "a.mp4")
    assert (facts.profile, facts.sound) == ("Main", "aac")


def test_a_stream_without_a_header_says_little(tmp_path: Path) -> None:
    facts = read_container_facts(write_clip(tmp_path / "a.h264", container="h264"), "a.h264")
    assert facts == ContainerFacts("h264", "yuv420p", "High", "none", "")


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\x00" * 400)
    with pytest.raises(SourceError):
        read_container_facts(tmp_path / "a.mp4", "a.mp4")
