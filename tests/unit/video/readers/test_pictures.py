"""Still pictures, animations and series."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from video_media import level, number_of, write_clip

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video import expand_sources
from screener.video.sandbox.worker import Decoding, decode
from screener.video.sources import file_source

COLOURS = np.zeros((40, 60, 3), np.uint8)
COLOURS[:20, :30], COLOURS[:20, 30:] = (200, 30, 40), (30, 200, 60)


def opened(path: Path, **settings: object) -> Decoding:
    return decode(file_source(path), ScanSettings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".avif"])
def test_a_still_is_one_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), COLOURS[:, :, ::-1])
    decoding = opened(path)
    (frame,) = decoding.steps()
    assert frame is not None
    assert (frame.pts_seconds, frame.index, frame.size_wh) == (0.0, 0, (60, 40))
    assert np.abs(frame.picture_rgb[10, [10, 50]].astype(int) - COLOURS[10, [10, 50]]).max() < 12
    facts = decoding.ledger
    assert (facts.is_still, facts.frames_decoded, facts.frames_sampled, facts.reasons, facts.size_wh) == (True, 1, 1, [], (60, 40))


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full((4, 5), 77, np.uint8), (77, 77, 77)),
        (np.full((4, 5), 40000, np.uint16), (156, 156, 156)),
        (np.full((4, 5, 3), (1000, 20000, 65535), np.uint16), (255, 78, 3)),
        (np.full((4, 5, 4), (10, 20, 30, 128), np.uint8), (30, 20, 10)),
    ],
    ids=["gray", "gray of 16 bits", "colour of 16 bits", "with alpha"],
)
def test_every_depth_becomes_rgb_of_8_bits(tmp_path: Path, pixels: np.ndarray, expected: tuple[int, int, int]) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    (frame,) = opened(tmp_path / "a.png").steps()
    assert frame is not None and frame.picture_rgb.dtype == np.uint8 and frame.picture_rgb.shape == (4, 5, 3)
    assert frame.picture_rgb[0, 0].tolist() == list(expected)


def test_exif_turns_the_picture_upright(tmp_path: Path) -> None:
    encoded = cv2.imencode(".jpg", COLOURS[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">H", 1) + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) + bytes(4)
    segment = b"Exif\0\0" + tiff
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + encoded[2:])
    (frame,) = opened(path).steps()
    assert frame is not None and frame.size_wh == (40, 60)
    expected = np.rot90(COLOURS, -1)
    assert np.abs(frame.picture_rgb[8:-8:16, 8:-8:16].astype(int) - expected[8:-8:16, 8:-8:16]).max() < 12


TURNED = {
    1: COLOURS,
    2: COLOURS[:, ::-1],
    3: np.rot90(COLOURS, 2),
    4: COLOURS[::-1],
    5: COLOURS.transpose(1, 0, 2),
    6: np.rot90(COLOURS, -1),
    7: np.rot90(COLOURS, 2).transpose(1, 0, 2),
    8: np.rot90(COLOURS),
}
"""By the number that EXIF gives each of the eight ways to hold a camera."""


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("AVIF", {"quality": 95})]
)
def test_every_way_to_hold_a_camera(tmp_path: Path, kind: str, options: dict[str, object], orientation: int) -> None:
    """In AVIF it is written as `irot` and `imir`, properties of the picture that OpenCV does not look at."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind.lower()}"
    Image.fromarray(COLOURS).save(path, kind, exif=exif, **options)
    assert kind != "AVIF" or orientation == 1 or b"irot" in path.read_bytes() or b"imir" in path.read_bytes()
    (frame,) = opened(path).steps()
    assert frame is not None
    assert frame.picture_rgb.shape == TURNED[orientation].shape
    assert np.abs(frame.picture_rgb[5:-5:5, 5:-5:5].astype(int) - TURNED[orientation][5:-5:5, 5:-5:5]).mean() < 6


def coded(kind: str = ".jpg") -> bytes:
    return bytes(cv2.imencode(kind, COLOURS[:, :, ::-1])[1].tobytes())


@pytest.mark.parametrize(
    ("behind", "named"),
    [
        (lambda path: write_clip(path.with_suffix(".mp4"), frames=3).read_bytes(), True),
        (lambda path: coded(), True),
        (lambda path: bytes(200), False),
        (lambda path: b"a note that some program left", False),
    ],
    ids=["a film", "another photograph", "padding", "a note"],
)
def test_what_lies_behind_a_photograph(tmp_path: Path, behind: Callable[[Path], bytes], named: bool) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(coded() + behind(path))
    decoding = opened(path)
    assert len(list(decoding.steps())) == 1
    assert (decoding.ledger.reasons, decoding.ledger.warnings) == ((["unread_part"], ["second_part"]) if named else ([], []))


def photographs(path: Path, *pictures: Image.Image) -> Path:
    """In one JPEG, which declares them (CIPA DC-007)."""
    pictures[0].save(path.with_suffix(".mpo"), "MPO", save_all=True, append_images=pictures[1:])
    return path.with_suffix(".mpo").rename(path)


def test_pictures_that_belong_to_a_photograph_are_no_second_part(tmp_path: Path) -> None:
    """Previews, which are smaller, and maps of brightness, which say so."""
    first = Image.fromarray(COLOURS)
    path = photographs(tmp_path / "a.jpg", first, first.resize((first.width // 2, first.height // 2)))
    assert opened(path).ledger.reasons == []
    path = photographs(tmp_path / "b.jpg", first, first.convert("L"))
    assert opened(path).ledger.reasons == ["unread_part"]
    data = path.read_bytes()
    second = data.index(b"\xff\xd8\xff", 100)
    segment = b"\xff\xe1\0\x40http://ns.adobe.com/xap/1.0/\0" + b'<x hdrgm:Version="1.0"/>'.ljust(33)
    path.write_bytes(data[: second + 2] + segment + data[second + 2 :])
    assert opened(path).ledger.reasons == []


@pytest.mark.parametrize("sides", [1, 3])
def test_a_photograph_from_several_sides(tmp_path: Path, sides: int) -> None:
    first = Image.fromarray(COLOURS)
    decoding = opened(photographs(tmp_path / "a.jpg", first, *[first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)] * sides))
    assert (decoding.ledger.reasons, decoding.ledger.warnings) == (["unread_part"], ["second_part"])


STRUNG = {
    "png": lambda: coded(".png"),
    "webp": lambda: coded(".webp"),
    "bmp": lambda: coded(".bmp"),
    "jp2": lambda: coded(".jp2"),
    "avif": lambda: coded(".avif"),
}


@pytest.mark.parametrize("kind", STRUNG)
@pytest.mark.parametrize("behind", ["as many bytes of padding", "another one"])
def test_pictures_one_behind_the_other(tmp_path: Path, kind: str, behind: str) -> None:
    """As programs write them that were asked for a film."""
    data = STRUNG[kind]()
    path = tmp_path / f"a.{kind}"
    path.write_bytes(data + (data if behind == "another one" else bytes(len(data))))
    decoding = opened(path)
    named = behind == "another one"
    assert (decoding.ledger.reasons, decoding.ledger.warnings) == ((["unread_part"], ["second_part"]) if named else ([], []))


def test_a_picture_in_heif_has_no_reader_here(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(coded(".avif").replace(b"avif", b"heic").replace(b"av01", b"hvc1"))
    with pytest.raises(SourceError) as caught:
        opened(path)
    assert caught.value.reason == "unsupported_codec"


def test_pages_of_which_one_is_judged(tmp_path: Path) -> None:
    first = Image.fromarray(COLOURS)
    first.save(tmp_path / "one.tiff")
    first.save(tmp_path / "two.tiff", save_all=True, append_images=[first])
    assert opened(tmp_path / "one.tiff").ledger.reasons == []
    assert opened(tmp_path / "two.tiff").ledger.reasons == ["unread_part"]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif"])
def test_an_animation_is_a_video(tmp_path: Path, suffix: str) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((40, 60, 4), (*[level(10 * n)] * 3, 255), np.uint8) for n in range(6)]
    animation.durations = np.array([100, 200, 100, 100, 100, 100], np.int32)
    assert cv2.imwriteanimation(str(tmp_path / f"a{suffix}"), animation)
    decoding = opened(tmp_path / f"a{suffix}")
    frames = [frame for frame in decoding.steps() if frame is not None]
    assert [number_of(frame.picture_rgb) for frame in frames] == [0, 10, 20, 30, 40, 50]
    assert [round(frame.pts_seconds, 3) for frame in frames] == [0.0, 0.1, 0.3, 0.4, 0.5, 0.6]
    assert not decoding.ledger.is_still and decoding.ledger.duration_seconds == pytest.approx(0.7)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_a_cut_picture_is_not_delivered(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceError) as caught:
        opened(path)
    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_the_limit_of_size(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), COLOURS)
    assert opened(path, max_pixels=2400).expected_frames == 1
    with pytest.raises(SourceError) as caught:
        opened(path, max_pixels=2399)
    assert caught.value.reason == "limit_pixels"


def test_a_huge_picture_is_refused_by_its_header_alone(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), COLOURS)
    data = bytearray((tmp_path / "a.png").read_bytes())
    struct.pack_into(">II", data, 16, 60000, 60000)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(SourceError) as caught:
        opened(tmp_path / "a.png")
    assert caught.value.reason == "limit_pixels"


def series(folder: Path, count: int = 6) -> Path:
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"frame{number + 7}.png"), np.full((8, 10, 3), level(number), np.uint8))
    return folder


def test_a_series_is_a_video_of_25_frames_per_second(tmp_path: Path) -> None:
    (source,) = expand_sources([series(tmp_path / "s")])
    decoding = decode(source, ScanSettings())  # type: ignore[arg-type]
    frames = [frame for frame in decoding.steps() if frame is not None]
    assert [number_of(frame.picture_rgb) for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert [round(frame.pts_seconds, 6) for frame in frames] == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
    facts = decoding.ledger
    assert (facts.reasons, facts.fps, facts.is_still, facts.size_wh, facts.frames_promised) == ([], 25.0, False, (10, 8), 6)
    assert facts.warnings == ["picture_series"]


@pytest.mark.parametrize("frames", [3, 6])
def test_a_lost_picture_of_a_series_is_counted_even_if_it_was_not_sampled(tmp_path: Path, frames: int) -> None:
    folder = series(tmp_path / "s")
    (source,) = expand_sources([folder])
    (folder / "frame9.png").write_bytes(b"")
    decoding = decode(source, ScanSettings(frames=frames))  # type: ignore[arg-type]
    delivered = [number_of(frame.picture_rgb) for frame in decoding.steps() if frame is not None]
    assert delivered == ([0, 1, 3, 4, 5] if frames == 6 else [1, 3, 5])
    assert (decoding.ledger.decode_errors, decoding.ledger.reasons) == (1, ["corrupt"])


def test_a_series_without_one_good_picture(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    (source,) = expand_sources([folder])
    for path in folder.iterdir():
        path.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(SourceError) as caught:
        list(decode(source, ScanSettings()).steps())  # type: ignore[arg-type]
    assert caught.value.reason == "corrupt"


def test_a_series_that_changes_size(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    (source,) = expand_sources([folder])
    cv2.imwrite(str(folder / "frame9.png"), np.zeros((20, 30, 3), np.uint8))
    decoding = decode(source, ScanSettings())  # type: ignore[arg-type]
    assert {frame.size_wh for frame in decoding.steps() if frame is not None} == {(10, 8), (30, 20)}
    assert decoding.ledger.warnings == ["picture_series", "resolution_change"]


def test_pages_of_the_pictures_of_a_series_are_named_as_unread(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    (source,) = expand_sources([folder])
    pages = [Image.new("RGB", (10, 8), shade) for shade in ("black", "white")]
    pages[0].save(folder / "frame9.png", "TIFF", save_all=True, append_images=pages[1:])
    decoding = decode(source, ScanSettings())  # type: ignore[arg-type]
    assert len(list(decoding.steps())) == 6
    assert (decoding.ledger.reasons, decoding.ledger.warnings) == (["unread_part"], ["picture_series", "second_part"])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("damage", ["no picture", "cut"])
def test_a_picture_of_a_series_that_is_none_or_cut_is_found_though_it_was_not_sampled(tmp_path: Path, suffix: str, damage: str) -> None:
    noise = cv2.resize(np.random.default_rng(0).integers(0, 255, (8, 10, 3), np.uint8), (80, 64), interpolation=cv2.INTER_CUBIC)
    for number in range(30):
        cv2.imwrite(str(tmp_path / f"frame{number:02d}{suffix}"), np.roll(noise, number, 1))
    (source,) = expand_sources([tmp_path])
    whole = decode(source, ScanSettings(frames=3))  # type: ignore[arg-type]
    assert len([frame for frame in whole.steps() if frame is not None]) == 3 and whole.ledger.reasons == []
    path = tmp_path / f"frame11{suffix}"
    path.write_bytes(bytes(range(128, 256)) * 40 if damage == "no picture" else path.read_bytes()[: path.stat().st_size // 2])
    decoding = decode(source, ScanSettings(frames=3))  # type: ignore[arg-type]
    assert len([frame for frame in decoding.steps() if frame is not None]) == 3
    assert decoding.ledger.reasons == ["corrupt"]
