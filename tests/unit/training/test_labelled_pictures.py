"""Labelled pictures: faces in order, detected once, read on demand; split by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import labelled_face, portrait, portrait_landmarks

from screener.datasets import LabelledItem
from screener.datasets.layouts import read_data
from screener.errors import DatasetError
from screener.records import FaceBox
from screener.training.labelled_pictures import LabelledFace, held_out, read_item_faces


class MarkedFaces:
    """Finds a face around each green pixel; its blue says by how many pixels the face reaches further than 10 to either side."""

    name = "marked"

    def __init__(self, version: int = 1) -> None:
        self.looked_at = 0
        self._version = version

    def contract(self) -> dict[str, Any]:
        return {"name": self.name, "version": self._version}

    def detect(self, picture_rgb: np.ndarray) -> list[FaceBox]:
        self.looked_at += 1
        rows, columns = np.nonzero((picture_rgb[..., :2] == (0, 255)).all(2))
        more = picture_rgb[rows, columns, 2].tolist()
        return [
            FaceBox(np.array([x - 10 - m, y - 12 - m, x + 10 + m, y + 12 + m], np.float32), 0.99, np.full((5, 2), (x, y), np.float32))
            for x, y, m in zip(columns.tolist(), rows.tolist(), more, strict=True)
        ]


def write(path: Path, *marks_xy: tuple[int, int], size_wh: tuple[int, int] = (80, 60), enlarged: int = 0) -> None:
    """A red picture with marked faces, the last of them `enlarged`."""
    picture = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    picture[..., 0] = 200
    for x, y in marks_xy:
        picture[y, x] = (0, 255, enlarged if (x, y) == marks_xy[-1] else 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())


def read_faces(root: Path, detector: MarkedFaces, cache: Path) -> list[LabelledFace]:
    return read_item_faces(read_data(root), detector, cache)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "faces"
    write(root / "b" / "real" / "2.png", (40, 30))
    write(root / "a" / "fake" / "1.png", (30, 20))
    write(root / "a" / "real" / "ü 1.png", (50, 25))
    write(root / "a" / "real" / "nobody.png")
    write(root / "a" / "other" / "3.png", (40, 30))
    (root / "a" / "real" / "notes.txt").write_text("not a picture")
    return root


def test_pictures_are_read_in_order_with_label_and_face(root: Path, tmp_path: Path) -> None:
    faces = read_faces(root, MarkedFaces(), tmp_path / "cache.npz")
    assert [(f.name, f.set_name, f.label) for f in faces] == [
        ("a/real/ü 1.png", "a", "real"),
        ("a/fake/1.png", "a", "fake"),
        ("b/real/2.png", "b", "real"),
    ]
    for face, centre in zip(faces, [(50, 25), (30, 20), (40, 30)], strict=True):
        assert face.picture_rgb.shape == (60, 80, 3)
        assert face.picture_rgb[0, 0].tolist() == [200, 0, 0]
        assert face.box_xyxy.tolist() == [centre[0] - 10, centre[1] - 12, centre[0] + 10, centre[1] + 12]
        assert face.landmarks_xy.tolist() == [list(centre)] * 5


def test_of_several_faces_the_most_central_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "faces" / "a" / "real" / "1.png", (15, 15), (42, 33), (70, 50))
    (face,) = read_faces(tmp_path / "faces", MarkedFaces(), tmp_path / "cache.npz")
    assert face.landmarks_xy[0].tolist() == [42, 33]


def test_a_large_face_near_the_middle_goes_before_a_small_one_in_it(tmp_path: Path) -> None:
    write(tmp_path / "faces" / "a" / "real" / "1.png", (40, 30), (45, 30), enlarged=10)
    (face,) = read_faces(tmp_path / "faces", MarkedFaces(), tmp_path / "cache.npz")
    assert face.landmarks_xy[0].tolist() == [45, 30]


def test_faces_are_looked_for_once(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "run" / "cache.npz"
    first, second, other = MarkedFaces(), MarkedFaces(), MarkedFaces(version=2)
    found = [[f.box_xyxy.tolist() for f in read_faces(root, detector, cache)] for detector in (first, second, other)]
    assert found[0] == found[1] == found[2]
    # Another detector's boxes are not this one's.
    assert (first.looked_at, second.looked_at, other.looked_at) == (4, 0, 4)
    write(root / "b" / "real" / "new.png", (40, 30))
    assert len(read_faces(root, other, cache)) == 4


def test_pictures_are_read_when_they_are_wanted(root: Path, tmp_path: Path) -> None:
    """No data set has to fit into memory, and a second run opens no picture at all."""
    cache = tmp_path / "cache.npz"
    (first, *_) = read_faces(root, MarkedFaces(), cache)
    assert first.source == root / "a" / "real" / "ü 1.png"
    (root / "b" / "real" / "2.png").write_bytes(b"no longer a picture")
    *_, last = read_faces(root, MarkedFaces(), cache)
    assert (last.size_hw, last.label) == ((60, 80), "real")
    with pytest.raises(DatasetError, match=r"2\.png: not a readable picture"):
        _ = last.picture_rgb


def test_group_and_method_come_along_and_sets_are_told_from_folders(tmp_path: Path) -> None:
    write(tmp_path / "dfdc" / "fake" / "1.png", (30, 20))
    item = LabelledItem(tmp_path / "dfdc" / "fake" / "1.png", "dfdc/fake/1.png", 1, "original-7", method="swap", set_name="faces")
    (face,) = read_item_faces([item], MarkedFaces(), tmp_path / "cache.npz")
    assert (face.set_name, face.group, face.method) == ("dfdc", "original-7", "swap")


@pytest.mark.parametrize(
    ("names", "sets", "expected"),
    [
        (["fake/1.png"], ["faces"], ["faces"]),
        (["real/video-1/000.png", "fake/video-1/000.png"], ["faces"] * 2, ["faces"] * 2),
        (["real/train/000.png", "fake/train/000.png"], ["faces"] * 2, ["faces"] * 2),
        (["train/dfdc/real/1.png", "train/real/1.png"], ["faces"] * 2, ["dfdc", "faces"]),
        (["dfdc\\real\\1.png", "/data/dfdc/real/1.png"], ["faces"] * 2, ["dfdc", "faces"]),
        (["frames/real/1.png", "frames/fake/2.png"], ["dfdc", "lfw"], ["dfdc", "lfw"]),
    ],
)
def test_the_set_of_a_picture_is_that_of_the_data_or_the_folder_above_its_label(
    names: list[str], sets: list[str], expected: list[str], tmp_path: Path
) -> None:
    """Fakes whose set has no reals would not be used at all."""
    write(tmp_path / "1.png", (30, 20))
    items = [LabelledItem(tmp_path / "1.png", name, 0, name, set_name=its) for name, its in zip(names, sets, strict=True)]
    assert [face.set_name for face in read_item_faces(items, MarkedFaces(), tmp_path / "cache.npz")] == expected


def test_names_that_are_not_utf_8_are_read_and_split(tmp_path: Path) -> None:
    write(tmp_path / "1.png", (30, 20))
    name = "real/caf\udce9.png"
    (face,) = read_item_faces([LabelledItem(tmp_path / "1.png", name, 0, name)], MarkedFaces(), tmp_path / "cache.npz")
    assert face.name == name
    assert held_out(name, 1.0)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_broken_picture_is_named(root: Path, tmp_path: Path, content: bytes) -> None:
    (root / "a" / "real" / "broken.png").write_bytes(content)
    with pytest.raises(DatasetError, match=r"broken\.png: not a readable picture; remove it or convert it"):
        read_faces(root, MarkedFaces(), tmp_path / "cache.npz")


def test_validation_is_chosen_by_name_alone_and_in_its_share() -> None:
    names = [f"set/real/{n}.png" for n in range(4000)]
    tenth = {name for name in names if held_out(name, 0.1)}
    assert len(tenth) / len(names) == pytest.approx(0.1, abs=0.02)
    # More validation takes pictures in addition, never others.
    assert tenth < {name for name in names if held_out(name, 0.2)}
    assert not any(held_out(name, 0.0) for name in names)
    assert all(held_out(name, 1.0) for name in names)


@pytest.mark.parametrize("shift_xy", [(0.0, 0.0), (0.05, -0.05)])
def test_a_crop_takes_its_landmarks_along(shift_xy: tuple[float, float]) -> None:
    labelled = labelled_face(side=160)
    for number, (x, y) in enumerate(portrait_landmarks(160).round().astype(int)):
        labelled.picture_rgb[y - 1 : y + 2, x - 1 : x + 2] = (255, number, 0)
    face = labelled.crop(1.3, shift_xy)
    # The box is 70.4 by 80 pixels: 1.3 times its longer side.
    assert face.crop_rgb.shape == (104, 104, 3)
    for number, (x, y) in enumerate(face.landmarks_xy.round().astype(int)):
        assert face.crop_rgb[y, x].tolist() == [255, number, 0]
    middle = face.landmarks_xy.mean(0)
    unmoved = labelled.crop(1.3).landmarks_xy.mean(0)
    assert (unmoved - middle).tolist() == pytest.approx([shift_xy[0] * 104, shift_xy[1] * 104], abs=0.51)


def test_a_crop_lies_inside_the_picture() -> None:
    """A picture too small for the margin is taken as far as it goes, and a face at its edge is moved in; nothing is mirrored."""
    labelled = labelled_face(side=160)
    assert labelled.crop(3.0).crop_rgb.shape == (160, 160, 3)
    assert np.array_equal(labelled.crop(3.0).crop_rgb, labelled.picture_rgb)
    labelled.box_xyxy[:] = (-10, -10, 175, 175)
    assert labelled.crop(1.3).crop_rgb.shape[0] == 160
    labelled.box_xyxy[:] = (0, 110, 40, 150)
    corner = labelled.crop(1.5, (-0.2, 0.2))
    assert np.array_equal(corner.crop_rgb, labelled.picture_rgb[100:, :60])
    assert corner.landmarks_xy == pytest.approx(labelled.landmarks_xy - (0, 100))


@pytest.mark.parametrize(("box_xyxy", "widest"), [([60, 60, 100, 100], 4.0), ([0, 0, 160, 160], 1.0), ([-20, 0, 160, 200], 0.8)])
def test_the_widest_margin_by_hand(box_xyxy: list[float], widest: float) -> None:
    assert replace(labelled_face(side=160), box_xyxy=np.array(box_xyxy, np.float32)).widest == pytest.approx(widest)


def test_cropping_does_not_touch_the_picture() -> None:
    labelled = labelled_face(seed=3)
    labelled.crop(1.2).crop_rgb[:] = 0
    assert (labelled.picture_rgb == portrait(3)).all()
