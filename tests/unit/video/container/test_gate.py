"""What is refused before any decoder, and where containers end."""

from __future__ import annotations

import os
import socket
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from video_media import write_clip

from screener.errors import SourceError
from screener.video.container.end import ends_early
from screener.video.container.gate import check_file
from screener.video.container.structure.png import MOST_CHUNKS


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        check_file(path)
    assert str(path.name) in caught.value.message
    return caught.value.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is text\n" * 500, "not_media"),
        ("caf\u00e9 \u4f60\u597d".encode() * 1000, "not_media"),
        ("text".encode("utf-16"), "not_media"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "refused_playlist"),
        (b"\xef\xbb\xbf#EXTM3U\n", "refused_playlist"),
        (b"ffconcat version 1.0\nfile a.mp4\n", "refused_playlist"),
        (b"file '/etc/passwd'\n", "refused_playlist"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "refused_playlist"),
        (b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">', "refused_playlist"),
    ],
)
def test_content_counts_and_not_the_suffix(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert refusal(path) == reason


def test_what_is_not_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.mp4"))
        reasons = [refusal(path) for path in (tmp_path, tmp_path / "pipe.mp4", tmp_path / "s.mp4", Path("/dev/null"))]
    assert reasons == ["not_regular"] * 4
    assert refusal(tmp_path / "missing.mp4") == "not_found"


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # permission bits do not bind the superuser, who may run the tests
    assert refusal(path) == "permission"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".avif"])
def test_pictures(tmp_path: Path, suffix: str) -> None:
    assert cv2.imwrite(str(tmp_path / f"a{suffix}"), np.zeros((8, 8, 3), np.uint8))
    renamed = (tmp_path / f"a{suffix}").rename(tmp_path / "a.mp4")
    assert check_file(renamed) == "picture"


def png(path: Path, pictures: int, text: bytes = b"", texts: int = 1) -> Path:
    """With chunks of text before everything that says how many pictures there are."""
    first, *others = [Image.new("RGB", (8, 8), (40 * number, 0, 0)) for number in range(pictures)]
    first.save(path, save_all=bool(others), append_images=others)
    data, chunk = path.read_bytes(), b"tEXt" + text
    path.write_bytes(data[:33] + texts * (len(text).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")) + data[33:])
    return path


@pytest.mark.parametrize("text", [b"", b"XML\0" + bytes(200_000), b"Comment\0before the IDAT chunk"], ids=["none", "long", "of chunks"])
def test_an_animated_png_is_one_whatever_text_comes_first(tmp_path: Path, text: bytes) -> None:
    assert check_file(png(tmp_path / "a.png", 3, text)) == "animation"


def test_a_png_whose_text_speaks_of_animations_is_a_picture(tmp_path: Path) -> None:
    assert check_file(png(tmp_path / "a.png", 1, b"Comment\0has no acTL chunk")) == "picture"
    assert check_file(png(tmp_path / "b.png", 1, b"Comment\0", texts=100)) == "picture"


def test_a_png_with_more_chunks_than_are_looked_at_is_not_taken_for_a_single_picture(tmp_path: Path) -> None:
    assert check_file(png(tmp_path / "a.png", 3, b"", texts=MOST_CHUNKS + 1)) == "animation"


def test_a_png_that_was_cut_before_its_pixels_is_a_picture(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 3, bytes(9000))
    path.write_bytes(path.read_bytes()[:5000])
    assert check_file(path) == "picture"


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "kind"),
    [("a.mp4", "libx264", "yuv420p", "video"), ("a.ts", "libx264", "yuv420p", "video"), ("a.gif", "gif", "rgb8", "gif")],
)
def test_videos(tmp_path: Path, name: str, codec: str, pixels: str, kind: str) -> None:
    assert check_file(write_clip(tmp_path / name, codec, 3, pixel_format=pixels)) == kind


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.wmv", "wmv2", "yuv420p"),
    ],
)
def test_one_byte_less_than_promised_is_noticed(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    path = write_clip(tmp_path / name, codec, 8, pixel_format=pixels)
    assert ends_early(path) is False
    path.write_bytes(path.read_bytes()[:-1])
    assert ends_early(path) is True


def test_bytes_behind_the_end_do_no_harm(tmp_path: Path) -> None:
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")):
        path = write_clip(tmp_path / name, codec, 8)
        path.write_bytes(path.read_bytes() + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff")
        assert ends_early(path) is False


@pytest.mark.parametrize("behind", [b"\n", b"\r\n", b"\0\0\0\0", b"--boundary-7d8a--\r\n", b"SEFT and what a phone keeps there"])
@pytest.mark.parametrize("flags", ["", "faststart"])
def test_what_a_program_appends_is_no_box_that_was_cut(tmp_path: Path, behind: bytes, flags: str) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=8, container_options={"movflags": flags} if flags else {})
    whole = path.read_bytes()
    path.write_bytes(whole + behind)
    assert ends_early(path) is False
    path.write_bytes(whole + b"\0\0\1\0mdat" + bytes(9))
    assert ends_early(path) is True


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe"])
def test_fragments_that_stop_within_a_header_are_cut(tmp_path: Path, flags: str) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=8, options={"g": "4"}, container_options={"movflags": flags})
    whole = path.read_bytes()
    last = whole.rindex(b"moof") - 4
    for left in (1, 7):
        path.write_bytes(whole[: last + left])
        assert ends_early(path) is True
    first = whole.index(b"moof") - 4
    path.write_bytes(whole[: first + 3])
    assert ends_early(path) is True


def test_a_stream_promises_no_end(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", frames=3)
    assert ends_early(path) is None
    path.write_bytes(path.read_bytes()[:-1])
    assert ends_early(path) is True
    assert ends_early(write_clip(tmp_path / "a.mpg", "mpeg1video", 3)) is None
