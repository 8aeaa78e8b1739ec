"""Which files of a folder are taken: by suffix, or if that is unknown by their first bytes."""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from video_media import noise, write_clip

from screener.video import expand_sources
from screener.video.inputs.media import SOUND_SUFFIXES, is_media


@pytest.mark.parametrize(
    "suffix",
    [".jfif", ".pjpeg", ".jpe", ".hif", ".264", ".265", ".h264", ".hevc", ".dav", ".3gpp", ".3gp2", ".lrv", ".mpe", ".m2v", ".ogm",
     ".mp4v", ".m2t", ".mk3d", ".insv", ".xvid", ".JFIF", ".Dav"],
)  # fmt: skip
def test_suffixes_of_cameras_messengers_and_recorders_are_known(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"x")
    left_out: list[str] = []
    assert len(expand_sources([tmp_path], left_out.append)) == 1 and not left_out


CONTAINERS = {
    "mp4": "libx264", "mov": "libx264", "matroska": "libx264", "webm": "libvpx-vp9", "avi": "mpeg4", "mpegts": "mpeg2video",
    "mpeg": "mpeg2video", "flv": "libx264", "asf": "mpeg4", "ogg": "libtheora", "h264": "libx264", "hevc": "libx265",
    "mpeg2video": "mpeg2video", "m4v": "mpeg4", "ivf": "libvpx", "obu": "libaom-av1", "mxf": "mpeg2video", "nut": "mpeg4",
    "yuv4mpegpipe": "rawvideo", "gif": "gif",
}  # fmt: skip
WRITABLE = {name: codec for name, codec in CONTAINERS.items() if codec in av.codecs_available and name in av.formats_available}


@pytest.mark.parametrize("container", WRITABLE)
def test_a_video_is_known_by_its_first_bytes_whatever_it_is_called(tmp_path: Path, container: str) -> None:
    options = {"libx265": {"x265-params": "log-level=none"}, "libaom-av1": {"cpu-used": "8"}}.get(WRITABLE[container], {})
    pixels = {"gif": "rgb8"}.get(container, "yuv420p")
    path = write_clip(tmp_path / "clip", WRITABLE[container], 3, container=container, options=options, pixel_format=pixels, picture=noise)
    assert is_media(str(path))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".avif", ".jp2"])
def test_a_picture_is_known_by_its_first_bytes(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "9f86d081").write_bytes(cv2.imencode(suffix, np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    assert is_media(str(tmp_path / "9f86d081"))


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"\0" * 5000, b"PK\x03\x04" + bytes(900), b"%PDF-1.7\n\xff\xfe", b"\x7fELF" + bytes(900), b"ID3\x04" + bytes(900),
     b"RIFF\0\0\0\0WAVEfmt ", b"OggS\0\x02" + bytes(22) + b"\x01\x1e\x01vorbis" + bytes(99), b"\0\0\0\x1cftypM4A " + bytes(90),
     b"#EXTM3U\n"],
)  # fmt: skip
def test_what_is_neither_is_not_taken(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert not is_media(str(tmp_path / "file"))


def test_a_container_that_may_hold_sound_alone_is_taken_unless_its_suffix_says_so(tmp_path: Path) -> None:
    head = write_clip(tmp_path / "clip.mkv", frames=2).read_bytes()
    for name, taken in (("a", True), ("a.bin", True), ("a.mka", False), ("a.wma", False)):
        (tmp_path / name).write_bytes(head)
        assert is_media(str(tmp_path / name)) is taken
    assert ".mka" in SOUND_SUFFIXES


def test_nothing_that_is_not_a_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # would wait for someone to write
    assert not is_media(str(tmp_path / "pipe"))
