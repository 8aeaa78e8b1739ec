"""Numbered pictures: the frames of a video, or an album of photographs that are judged individually."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from screener.video import expand_sources
from screener.video.inputs.picture_facts import PictureFacts, picture_facts
from screener.video.inputs.series import FEWEST, FEWEST_PADDED, FEWEST_PLAIN

Picture = np.ndarray[Any, np.dtype[np.uint8]]


def scene(shift: int, seed: int = 0, size_wh: tuple[int, int] = (96, 64)) -> Picture:
    """Blobs of light and shade, moved a little to the right."""
    width, height = size_wh
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 40, 3), np.uint8)
    return np.asarray(np.kron(coarse, np.ones((16, 16, 1), np.uint8))[:height, shift : shift + width], np.uint8)


def moving(number: int) -> Picture:
    return scene(number)


def unrelated(number: int) -> Picture:
    return scene(0, seed=number)


def photograph(path: Path, picture: Picture, taken: str = "", fraction: str = "", orientation: int = 1) -> None:
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
        if fraction:
            exif.get_ifd(0x8769)[0x9291] = fraction
    Image.fromarray(picture).save(path, exif=exif, quality=95)


def album(folder: Path, numbers: Sequence[int], name: str = "frame_{:04d}.jpg", picture: Callable[[int], Picture] = moving) -> Path:
    folder.mkdir()
    for place, number in enumerate(numbers):
        photograph(folder / name.format(number), picture(place))
    return folder


def kinds(folder: Path) -> list[str]:
    return [getattr(source, "kind", "failure") for source in expand_sources([folder])]


FILM = ["sequence"]


@pytest.mark.parametrize("name", ["frame_{:06d}.jpg", "{:04d}.png", "frame{}.webp", "a b Frame-{:06d}.bmp", "clip.mp4.frames.{:02d}.tiff"])
def test_frames_numbered_in_a_row_are_one_film_in_numerical_order(tmp_path: Path, name: str) -> None:
    folder = album(tmp_path / "film", range(8, 20), name)
    (source,) = expand_sources([folder])
    assert (getattr(source, "kind", ""), source.name) == ("sequence", str(folder))
    assert getattr(source, "target", ()) == tuple(folder / name.format(number) for number in range(8, 20))


@pytest.mark.parametrize(
    ("name", "fewest"),
    [("frame_{:04d}.jpg", FEWEST), ("{:04d}.jpg", FEWEST), ("img{:03d}.jpg", FEWEST_PADDED), ("clip-{}.jpg", FEWEST_PLAIN)],
)
def test_the_less_names_say_of_a_film_the_more_pictures_it_takes(tmp_path: Path, name: str, fewest: int) -> None:
    folder = album(tmp_path / "film", range(1, fewest), name)
    assert kinds(folder) == ["file"] * (fewest - 1)
    photograph(folder / name.format(fewest), moving(fewest))
    assert kinds(folder) == FILM


@pytest.mark.parametrize(("name", "count"), [("photo{}.jpg", 2), ("photo{}.jpg", 12), ("shot{}.png", 3), ("holiday-{:02d}.jpg", 20)])
def test_a_few_photographs_that_are_alike_are_judged_one_by_one(tmp_path: Path, name: str, count: int) -> None:
    assert kinds(album(tmp_path / "album", range(1, count + 1), name)) == ["file"] * count


@pytest.mark.parametrize("name", ["photo_{:04d}.jpg", "my-photos.{:03d}.jpg", "Screenshot {:03d}.png", "selfie{}.jpg"])
def test_many_pictures_that_are_called_photographs_are_an_album(tmp_path: Path, name: str) -> None:
    assert kinds(album(tmp_path / "album", range(1, FEWEST_PLAIN + 1), name)) == ["file"] * FEWEST_PLAIN


def test_an_excerpt_that_has_no_zeros_left_is_one_film_if_it_says_so(tmp_path: Path) -> None:
    assert kinds(album(tmp_path / "film", range(1200, 1212), "frame_{:04d}.png")) == FILM
    assert kinds(album(tmp_path / "album", range(1200, 1212), "{:04d}.png")) == ["file"] * 12


def test_a_film_has_no_animations(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", range(8), "frame_{:04d}.png")
    first, *others = [Image.fromarray(moving(number)) for number in range(3)]
    first.save(folder / "frame_0004.png", save_all=True, append_images=others)
    assert kinds(folder) == ["file"] * 8


def test_a_film_may_have_lost_a_few_frames(tmp_path: Path) -> None:
    assert kinds(album(tmp_path / "film", [number for number in range(30) if number not in (7, 8, 21)])) == FILM


@pytest.mark.parametrize(
    "numbers",
    [
        range(2030, 2066, 3), [1, 2, 3, 9, 10, 11, 40], [*range(1, 100), *range(500, 600)], [1, 2, 3, 10**30], [1, 2, 3, 100],
        range(0, 400, 25),
    ],
    ids=["every third", "irregular", "a large gap", "a huge number", "one far off", "every 25th"],
)  # fmt: skip
def test_numbers_with_gaps_are_an_album(tmp_path: Path, numbers: Sequence[int]) -> None:
    numbers = list(numbers)[:24] if len(list(numbers)) < 100 else list(numbers)
    folder = album(tmp_path / "album", numbers, picture=lambda place: scene(place % 40))
    assert kinds(folder) == ["file"] * len(numbers)


@pytest.mark.parametrize(
    "name",
    ["IMG_{:04d}.JPG", "DSC0{:04d}.JPG", "DSCN{:04d}.JPG", "_MG_{:04d}.JPG", "P101{:04d}.JPG", "PXL_2024{:04d}.jpg", "IMG-24-WA{:04d}.jpg"],
)
def test_names_that_cameras_give_are_of_photographs(tmp_path: Path, name: str) -> None:
    assert kinds(album(tmp_path / "roll", range(1, 31), name)) == ["file"] * 30


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "jp2", "avif"])
def test_pictures_of_different_sizes_are_an_album(tmp_path: Path, suffix: str) -> None:
    folder = album(tmp_path / "album", range(1, 9), f"frame{{}}.{suffix}")
    photograph(folder / f"frame5.{suffix}", scene(4, size_wh=(64, 96)))
    assert kinds(folder) == ["file"] * 8


def test_pictures_that_are_shown_different_ways_up_are_an_album(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", range(1, 9))
    photograph(folder / "frame_0004.jpg", moving(3), orientation=6)
    assert kinds(folder) == ["file"] * 8


@pytest.mark.parametrize(("minutes", "expected"), [(0, FILM), (7, ["file"] * 6)])
def test_photographs_taken_minutes_apart_are_an_album(tmp_path: Path, minutes: int, expected: list[str]) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(6):
        taken = f"2024:05:01 10:{minutes * number:02d}:0{number // 3}"
        photograph(folder / f"frame{number}.jpg", moving(number), taken, fraction=f"{333 * (number % 3):03d}")
    assert kinds(folder) == expected


def test_pictures_that_show_different_things_are_an_album(tmp_path: Path) -> None:
    assert kinds(album(tmp_path / "album", range(1, 41), "{:05d}.png", unrelated)) == ["file"] * 40
    assert kinds(album(tmp_path / "four", range(1, 5), "{:05d}.png", unrelated)) == ["file"] * 4


def test_a_film_with_cuts_is_one(tmp_path: Path) -> None:
    assert kinds(album(tmp_path / "film", range(60), picture=lambda number: scene(number % 15, seed=number // 15))) == FILM


def test_a_damaged_film_is_one(tmp_path: Path) -> None:
    folder = album(tmp_path / "film", range(12))
    for number in (0, 5, 11):
        (folder / f"frame_{number:04d}.jpg").write_bytes(b"\xff\xd8\xff broken")
    assert kinds(folder) == FILM


@pytest.mark.parametrize("others", [["b_5.png"], ["frame_5.jpg"], ["frame_5.png", "clip.mp4"], ["frame_01.png"]])
def test_names_that_make_no_series_are_single(tmp_path: Path, others: list[str]) -> None:
    frames = [f"frame_{number}.png" for number in range(1, 5)]
    for name in (*frames, *others):
        (tmp_path / name).write_bytes(b"x")
    assert kinds(tmp_path) == ["file"] * (4 + len(others))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "jp2", "avif"])
def test_the_size_of_a_picture_is_in_its_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    photograph(path, scene(0, size_wh=(50, 30)))
    assert picture_facts(path).size_wh == (50, 30)
    path.write_bytes(path.read_bytes()[:9])
    assert picture_facts(path) == PictureFacts()
