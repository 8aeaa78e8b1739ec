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


@pytest.mark.parametrize("name", ["frame_{:04d}.jpg", "{}.png", "img{:03d}.webp", "a b-{:06d}.bmp", "clip.mp4.{:02d}.tiff"])
def test_frames_numbered_in_a_row_are_one_film_in_numerical_order(tmp_path: Path, name: str) -> None:
    folder = album(tmp_path / "film", range(8, 20), name)
    (source,) = expand_sources([folder])
    assert (getattr(source, "kind", ""), source.name) == ("sequence", str(folder))
    assert getattr(source, "target", ()) == tuple(folder / name.format(number) for number in range(8, 20))


def test_a_film_may_have_lost_a_few_frames(tmp_path: Path) -> None:
    assert kinds(album(tmp_path / "film", [number for number in range(30) if number not in (7, 8, 21)])) == FILM


@pytest.mark.parametrize(
    "numbers",
    [range(2030, 2066, 3), [1, 2, 3, 9, 10, 11, 40], [*range(1, 100), *range(500, 600)], [1, 10**30], [1, 100], range(0, 400, 25)],
    ids=["every third", "irregular", "a large gap", "a huge number", "two", "every 25th"],
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
    assert kinds(album(tmp_path / "roll", range(1, 9), name)) == ["file"] * 8


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "jp2", "avif"])
def test_pictures_of_different_sizes_are_an_album(tmp_path: Path, suffix: str) -> None:
    folder = album(tmp_path / "album", range(1, 9), f"f{{}}.{suffix}")
    photograph(folder / f"f5.{suffix}", scene(4, size_wh=(64, 96)))
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
        photograph(folder / f"f{number}.jpg", moving(number), taken, fraction=f"{333 * (number % 3):03d}")
    assert kinds(folder) == expected


def test_pictures_that_show_different_things_are_an_album(tmp_path: Path) -> None:
    assert kinds(album(tmp_path / "album", range(1, 41), "{:05d}.png", unrelated)) == ["file"] * 40
    assert kinds(album(tmp_path / "two", range(1, 3), "{:05d}.png", unrelated)) == ["file"] * 2


def test_a_film_with_cuts_is_one(tmp_path: Path) -> None:
    assert kinds(album(tmp_path / "film", range(60), picture=lambda number: scene(number % 15, seed=number // 15))) == FILM


def test_a_damaged_film_is_one(tmp_path: Path) -> None:
    folder = album(tmp_path / "film", range(12))
    for number in (0, 5, 11):
        (folder / f"frame_{number:04d}.jpg").write_bytes(b"\xff\xd8\xff broken")
    assert kinds(folder) == FILM


@pytest.mark.parametrize("others", [["b_2.png"], ["a_2.jpg"], ["a_2.png", "clip.mp4"], ["a_01.png"], []])
def test_names_that_make_no_series_are_single(tmp_path: Path, others: list[str]) -> None:
    for name in ("a_1.png", *others):
        (tmp_path / name).write_bytes(b"x")
    assert kinds(tmp_path) == ["file"] * (1 + len(others))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "jp2", "avif"])
def test_the_size_of_a_picture_is_in_its_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    photograph(path, scene(0, size_wh=(50, 30)))
    assert picture_facts(path).size_wh == (50, 30)
    path.write_bytes(path.read_bytes()[:9])
    assert picture_facts(path) == PictureFacts()
