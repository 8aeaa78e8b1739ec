"""`screener compare` on scenes with a replaced face, with cuts, and re-encoded."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command_line import Ended, run_here
from face_media import portrait
from jsonschema import Draft202012Validator
from PIL import Image
from scene_media import RATE, Picture, encoded, scene, with_another_face

import screener

SCHEMA = Draft202012Validator(json.loads(resources.files("screener.comparison").joinpath("schema.json").read_text(encoding="utf-8")))
FRAMES = 80


@cache
def pictures() -> list[Picture]:
    """Not made when the module is imported, because every worker of a test run imports it."""
    return [scene(number) for number in range(FRAMES)]


@cache
def swapped_pictures() -> list[Picture]:
    return [with_another_face(picture, number) for number, picture in enumerate(pictures())]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoded(tmp_path_factory.mktemp("scene") / "original.mp4", pictures())


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoded(tmp_path_factory.mktemp("swapped") / "<fake>.mp4", swapped_pictures(), options={"crf": "26"})


def compared(a: Path, b: Path, *options: str | Path) -> tuple[Ended, dict[str, Any]]:
    ended = run_here("compare", a, b, "--json", "-q", *options)
    document = json.loads(ended.out)
    SCHEMA.validate(document)
    return ended, document


def test_a_replaced_face_is_found(original: Path, swapped: Path) -> None:
    ended, found = compared(original, swapped)
    assert (ended.status, found["outcome"], found["reencoded"]) == (1, "replaced", True)
    (person,) = found["people"]
    assert person["replaced"] and person["difference"] > 3
    assert [(one["kind"], one["a_seconds"], one["b_seconds"]) for one in found["stretches"]] == [("replaced", [0.0, 4.0], [0.0, 4.0])]


def test_from_python(original: Path, swapped: Path, tmp_path: Path) -> None:
    found = screener.compare(original, swapped)
    assert isinstance(found, screener.Comparison) and (found.outcome, found.threshold) == ("replaced", 2.2)
    assert [person.replaced for person in found.people] == [True]
    gone = screener.compare(original, tmp_path / "gone.mp4")
    assert gone.outcome == "undecided" and "no such file" in gone.detail
    with pytest.raises(screener.SettingsError):
        screener.compare(original, "0")


def test_in_either_order(original: Path, swapped: Path) -> None:
    assert compared(swapped, original)[1]["outcome"] == "replaced"


def test_when_a_face_was_replaced(original: Path, tmp_path: Path) -> None:
    half = FRAMES // 2
    _, found = compared(original, encoded(tmp_path / "half.mp4", [*pictures()[:half], *swapped_pictures()[half:]]))
    assert [one["kind"] for one in found["stretches"]] == ["same", "replaced"]
    assert found["stretches"][1]["a_seconds"][0] == pytest.approx(half / RATE, abs=0.4)
    assert found["stretches"][1]["a_seconds"][1] == pytest.approx(FRAMES / RATE)


@pytest.mark.parametrize(
    ("name", "codec", "options", "size"),
    [
        ("a.mp4", "libx264", {"crf": "38"}, 1.0),
        ("a.mp4", "libx264", {"crf": "28"}, 0.5),
        ("a.mp4", "libx265", {"crf": "32", "x265-params": "log-level=none"}, 1.0),
        ("a.webm", "libvpx-vp9", {"crf": "42", "b:v": "0", "deadline": "realtime", "cpu-used": "6"}, 1.0),
        ("a.avi", "mpeg4", {"qmin": "6", "qmax": "6"}, 0.75),
        ("a.mkv", "ffv1", {}, 1.5),
    ],
)
def test_nothing_is_found_in_a_copy(name: str, codec: str, options: dict[str, str], size: float, original: Path, tmp_path: Path) -> None:
    made = encoded(tmp_path / name, pictures(), codec, options, size)
    ended, found = compared(original, made)
    assert (ended.status, found["outcome"], found["reencoded"]) == (0, "same", True)
    assert [one["kind"] for one in found["stretches"]] == ["same"]
    assert not any(person["replaced"] for person in found["people"]) and found["people"]


def test_of_what_was_changed_outside_of_faces_it_says_nothing_but_that_it_did_not_look(original: Path, tmp_path: Path) -> None:
    captioned = [picture.copy() for picture in pictures()]
    for picture in captioned:
        picture[8:24, 8:72] = 255 - picture[8:24, 8:72]
    ended = run_here("compare", encoded(tmp_path / "captioned.mp4", captioned), original, "-q")
    assert ended.status == 0 and "no face was replaced" in ended.out
    assert "outside of faces" in ended.out and "no more than two encodings" not in ended.out


def test_a_face_that_differs_too_briefly_to_tell_is_not_called_the_same(original: Path, tmp_path: Path) -> None:
    """Two pictures: moments enough for a doubt, and no more."""
    short = encoded(tmp_path / "short.mp4", pictures()[:2])
    _, found = compared(short, encoded(tmp_path / "fake.mp4", swapped_pictures()[:2]))
    assert found["outcome"] == "undecided" and "too briefly to tell" in found["detail"]


def far_away(picture: Picture) -> Picture:
    """The scene as a small picture in an empty room, in which its face is too small to be compared."""
    room = cv2.resize(np.random.default_rng(4).integers(60, 200, (9, 16, 3), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
    room[140:230, 260:380] = cv2.resize(picture, (120, 90), interpolation=cv2.INTER_AREA)
    return room


def test_faces_too_small_to_be_compared_are_not_called_the_same(tmp_path: Path) -> None:
    short = slice(0, 40)
    real = encoded(tmp_path / "real.mp4", [far_away(picture) for picture in pictures()[short]])
    fake = encoded(tmp_path / "fake.mp4", [far_away(picture) for picture in swapped_pictures()[short]])
    ended, found = compared(real, fake)
    assert (ended.status, found["outcome"], found["people"]) == (3, "undecided", [])
    assert "too small" in found["detail"] and [one["kind"] for one in found["stretches"]] == ["same"]
    assert "no face was replaced" not in run_here("compare", real, fake, "-q").out


def test_a_scene_without_a_face_is_the_same_and_no_face_is_spoken_of(tmp_path: Path) -> None:
    empty = [picture[:, :70].repeat(3, 1) for picture in pictures()[:40]]
    ended = run_here("compare", encoded(tmp_path / "a.mp4", empty), encoded(tmp_path / "b.mp4", empty, options={"crf": "30"}), "-q")
    assert (ended.status, ended.out.split()[0]) == (0, "SAME"), ended.out
    assert "no face was compared" in ended.out and "was replaced" not in ended.out


def test_what_was_cut_out_is_said(original: Path, tmp_path: Path) -> None:
    ended, found = compared(original, encoded(tmp_path / "cut.mp4", [*pictures()[:24], *pictures()[48:]], options={"crf": "30"}))
    assert (ended.status, found["outcome"]) == (3, "cut")
    (lack,) = [one for one in found["stretches"] if one["kind"] != "same"]
    assert lack["kind"] == "only_a" and lack["b_seconds"] is None
    assert lack["a_seconds"] == pytest.approx([24 / RATE, 48 / RATE], abs=0.15)
    later = found["stretches"][-1]
    assert later["a_seconds"][0] - later["b_seconds"][0] == pytest.approx(24 / RATE, abs=0.05)


def test_what_was_put_in_is_said(original: Path, tmp_path: Path) -> None:
    put_in = [scene(number, seed=3)[::-1].copy() for number in range(20)]
    _, found = compared(original, encoded(tmp_path / "more.mp4", [*pictures()[:40], *put_in, *pictures()[40:]]))
    assert found["outcome"] == "cut"
    (more,) = [one for one in found["stretches"] if one["kind"] == "only_b"]
    assert more["b_seconds"] == pytest.approx([2.0, 3.0], abs=0.15)


def test_files_that_are_equal_are_identical(original: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(original.read_bytes())
    ended, found = compared(original, copy)
    assert (ended.status, found["outcome"], found["reencoded"]) == (0, "identical", False)


def test_other_scenes_have_nothing_in_common(original: Path, tmp_path: Path) -> None:
    other = encoded(tmp_path / "other.mp4", [scene(3 * number, seed=2)[:, ::-1].copy() for number in range(FRAMES)])
    ended, found = compared(original, other)
    assert (ended.status, found["outcome"]) == (3, "different")
    assert "not recognised" in found["detail"]


def test_a_truncated_file_is_said_to_be_so_even_if_nothing_is_in_common(original: Path, tmp_path: Path) -> None:
    other = encoded(tmp_path / "other.avi", [scene(3 * number, seed=2)[:, ::-1].copy() for number in range(FRAMES)], "mpeg4", {})
    other.write_bytes(other.read_bytes()[: other.stat().st_size // 2])
    _, found = compared(original, other)
    assert found["outcome"] == "different" and found["b"]["reasons"]
    assert "not recognised" in found["detail"] and "could not be read" in found["detail"]


@pytest.mark.parametrize("first", [20, 34])
def test_an_excerpt_shows_the_same_faces_in_either_order(first: int, original: Path, tmp_path: Path) -> None:
    excerpt = encoded(tmp_path / "excerpt.mp4", pictures()[first : first + RATE], options={"crf": "30"})
    for pair in ((original, excerpt), (excerpt, original)):
        ended, found = compared(*pair)
        assert (ended.status, found["outcome"]) == (3, "cut")
        (shared,) = [one for one in found["stretches"] if one["kind"] == "same"]
        times = sorted((shared["a_seconds"], shared["b_seconds"]), reverse=True)
        assert times == [pytest.approx([first / RATE, first / RATE + 1], abs=0.01), pytest.approx([0, 1], abs=0.01)]


def test_a_file_that_cannot_be_read_is_an_answer(original: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("nothing to see\n")
    for name, words in (("gone.mp4", "no such file"), ("notes.mp4", "not a video")):
        ended, found = compared(original, tmp_path / name)
        assert (ended.status, found["outcome"]) == (3, "undecided")
        assert words in found["detail"] and "Traceback" not in ended.err


def test_a_picture_is_the_same_as_its_copy_at_another_quality(tmp_path: Path) -> None:
    for quality in (60, 90):
        Image.fromarray(portrait()).save(tmp_path / f"{quality}.jpg", quality=quality)
    ended, found = compared(tmp_path / "60.jpg", tmp_path / "90.jpg")
    assert (ended.status, found["outcome"], found["detail"]) == (0, "same", "")
    (person,) = found["people"]
    assert person["replaced"] is False and len(person["moments"]) == 1
    text = run_here("compare", tmp_path / "60.jpg", tmp_path / "90.jpg", "-q").out
    assert "no face was replaced" in text and "too briefly" not in text


def test_a_replaced_face_is_found_in_a_picture(tmp_path: Path) -> None:
    for name, picture in (("a", pictures()[0]), ("b", swapped_pictures()[0])):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    ended, found = compared(tmp_path / "a.png", tmp_path / "b.png")
    assert (ended.status, found["outcome"]) == (1, "replaced")


def test_what_is_not_two_files_is_refused(original: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(original.read_bytes())
    for other, words in ((str(tmp_path), "names 2 inputs"), ("https://example.org/a.mp4", "save the stream first")):
        ended = run_here("compare", original, other)
        assert ended.status == 2 and words in ended.err


def test_a_place_that_cannot_be_written_is_said_before_anything_is_compared(original: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for option in ("-o", "--report"):
        ended = run_here("compare", original, tmp_path / "gone.mp4", option, tmp_path / "file" / "found")
        assert ended.status == 2 and "cannot be written" in ended.err and ended.out == ""


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_that_is_named_for_the_page_is_written_through(original: Path, tmp_path: Path) -> None:
    """As -o does: the user named it."""
    (tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    assert run_here("compare", original, original, "-q", "--report", tmp_path / "link.html").status == 0
    assert (tmp_path / "link.html").is_symlink() and "<html" in (tmp_path / "page.html").read_text()


def test_the_page_shows_faces_side_by_side_and_loads_nothing(original: Path, swapped: Path, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "compared.html"
    ended = run_here("compare", original, swapped, "--report", page)
    text = page.read_text(encoding="utf-8")
    assert "another face" in ended.out and str(page) in ended.err
    assert text.count('class="beside"') == 3 and "<fake>" not in text
    assert not re.search(r'(?:src|href)="(?!data:)', text) and "<script" not in text
