"""Which changes the descriptors ignore, and which they detect."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from screener.records import FaceBox
from screener.tracking.appearance import Appearance, appearance_distance, describe_face, describe_scene, scene_distance

FACE_XYXY = np.array([174, 64, 270, 188], np.float32)
LANDMARKS_XY = np.array([[203, 101], [247, 102], [224, 126], [203, 143], [243, 144]], np.float32)


FACES = [1.7727, 0.927, 0.8889, -0.6778, 1.7727, -0.1667, 0.8741, -0.6394, 1.745, -0.2049, 0.5998, -0.2849]
SKINS = [0.3911, 0.2829, 0.3897, 0.2841, 0.3333, 0.3333]
SCENE = (-1.0884, -1.0438)


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    return np.asarray(astronaut(), np.uint8)


def box(shift_xy: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> FaceBox:
    shift = np.array(shift_xy, np.float32)
    return FaceBox(scale * (FACE_XYXY + np.tile(shift, 2)), 0.99, scale * (LANDMARKS_XY + shift))


def scaled(picture: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


def greyed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)


def test_a_face_equals_itself(portrait: NDArray[np.uint8]) -> None:
    face = describe_face(portrait, box())
    assert set(face.parts) == {"face", "aligned", "hair", "clothing"}
    assert appearance_distance(face, face) == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize("gain", [0.5, 0.8])
def test_exposure_is_hardly_noticed(portrait: NDArray[np.uint8], gain: float) -> None:
    assert appearance_distance(describe_face(portrait, box()), describe_face(scaled(portrait, gain), box())) < 0.25


def test_the_size_of_the_picture_is_not_noticed(portrait: NDArray[np.uint8]) -> None:
    doubled = portrait.repeat(2, axis=0).repeat(2, axis=1)
    assert appearance_distance(describe_face(portrait, box()), describe_face(doubled, box(scale=2.0))) < 0.1


def test_where_the_face_is_in_the_picture_is_not_noticed(portrait: NDArray[np.uint8]) -> None:
    moved = np.roll(portrait, (30, 60), axis=(0, 1))
    first, second = describe_face(portrait, box()), describe_face(moved, box((60, 30)))
    assert appearance_distance(first, second) == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize("colour", [lambda p: p, greyed], ids=["colour", "grey"])
def test_another_face_hair_and_clothing_are_noticed(portrait: NDArray[np.uint8], colour) -> None:  # type: ignore[no-untyped-def]
    picture = colour(portrait)
    face = describe_face(picture, box())
    elsewhere = describe_face(picture, box((120.0, 230.0)))
    assert appearance_distance(face, elsewhere) > 0.8
    assert appearance_distance(face, elsewhere) == appearance_distance(elsewhere, face)


def test_a_recoloured_person_is_noticed(portrait: NDArray[np.uint8]) -> None:
    recoloured = np.ascontiguousarray(portrait[..., ::-1])
    assert appearance_distance(describe_face(portrait, box()), describe_face(recoloured, box())) > 0.8


def test_what_lies_outside_the_picture_does_not_count(portrait: NDArray[np.uint8]) -> None:
    tight = portrait[64:188]
    cut = describe_face(tight, box((0.0, -64.0)))
    assert set(cut.parts) == {"face", "aligned"}
    assert appearance_distance(describe_face(portrait, box()), cut) < 0.2


def test_without_landmarks_the_box_has_to_do(portrait: NDArray[np.uint8]) -> None:
    blind = FaceBox(FACE_XYXY, 0.99, np.full((5, 2), np.nan, np.float32))
    assert np.isfinite(appearance_distance(describe_face(portrait, box()), describe_face(portrait, blind)))


def test_scenes(portrait: NDArray[np.uint8]) -> None:
    scene = describe_scene(portrait)
    assert scene_distance(scene, scene) == pytest.approx(0, abs=1e-2)
    assert scene_distance(scene, describe_scene(scaled(portrait, 0.6))) < 0.2
    assert scene_distance(scene, describe_scene(np.roll(portrait, 8, axis=1))) < 0.25
    assert scene_distance(scene, describe_scene(np.ascontiguousarray(portrait[::-1, :, ::-1]))) > 0.4


def test_flat_scenes_are_alike_and_unlike_others(portrait: NDArray[np.uint8]) -> None:
    black = describe_scene(np.zeros((40, 60, 3), np.uint8))
    assert scene_distance(black, describe_scene(np.zeros((20, 20, 3), np.uint8))) == pytest.approx(0, abs=1e-2)
    assert scene_distance(black, describe_scene(portrait)) > 0.5


def digest(vector: NDArray[np.float32]) -> float:
    """One number that every entry of a descriptor moves."""
    return float(vector @ np.random.default_rng(5).normal(size=len(vector)))


def test_descriptors_are_those_that_the_limits_were_measured_with(portrait: NDArray[np.uint8]) -> None:
    """Known answers: who changes a descriptor has to measure the scales and the tracker's limits anew."""
    blind = FaceBox(FACE_XYXY, 0.99, np.full((5, 2), np.nan, np.float32))
    faces = [describe_face(portrait, box()), describe_face(portrait, blind), describe_face(greyed(portrait), box((3.0, -2.0), 1.02))]
    found = [digest(face.parts[name]) for face in faces for name in ("face", "aligned", "hair", "clothing")]
    assert found == pytest.approx(FACES, abs=2e-3)
    assert np.concatenate([face.skin for face in faces]) == pytest.approx(SKINS, abs=1e-3)
    scene = describe_scene(portrait)
    assert (digest(scene.structure), digest(scene.colours)) == pytest.approx(SCENE, abs=2e-3)


def test_landmarks_that_do_not_fit_the_box_say_nothing(portrait: NDArray[np.uint8]) -> None:
    blind = describe_face(portrait, FaceBox(FACE_XYXY, 0.99, np.full((5, 2), np.nan, np.float32)))
    for factor in (0.1, 9.0):
        middle = LANDMARKS_XY.mean(0)
        odd = FaceBox(FACE_XYXY, 0.99, (middle + factor * (LANDMARKS_XY - middle)).astype(np.float32))
        assert appearance_distance(describe_face(portrait, odd), blind) == pytest.approx(0, abs=1e-2)


def seen(skin: tuple[float, float], **likenesses: float) -> Appearance:
    """Parts whose product with those of `seen` with likeness 1 is the given one."""
    parts = {name: np.array([value, np.sqrt(1 - value**2)], np.float32) for name, value in likenesses.items()}
    return Appearance(parts, np.array(skin, np.float32))


@pytest.mark.parametrize(
    ("first_skin", "second_skin", "expected"),
    [
        ((0.42, 0.28), (0.41, 0.29), [0.02 / 0.04, 0.25 / 0.50, 0.20 / 0.55, 0.4 / 0.40, 0.6 / 0.50]),
        ((0.338, 0.33), (0.333, 0.34), [0.25 / 0.42, 0.20 / 0.46, 0.4 / 0.22, 0.6 / 0.30]),
        ((0.338, 0.33), (0.42, 0.28), [0.132 / 0.04, 0.25 / 0.50, 0.20 / 0.55, 0.4 / 0.40, 0.6 / 0.50]),
    ],
    ids=["in colour", "in grey", "one in grey"],
)
def test_a_distance_is_the_mean_over_the_parts_each_in_its_scale(
    first_skin: tuple[float, float], second_skin: tuple[float, float], expected: list[float]
) -> None:
    same = dict.fromkeys(("face", "aligned", "hair", "clothing"), 1.0)
    other = {"face": 0.75, "aligned": 0.80, "hair": 0.84, "clothing": 0.64}
    distance = appearance_distance(seen(first_skin, **same), seen(second_skin, **other))
    assert distance == pytest.approx(np.mean(expected), rel=1e-4)
    # A part that one of them lacks does not count, those after it do.
    without = {name: value for name, value in same.items() if name != "aligned"}
    fewer = [value for value in expected if value not in (0.20 / 0.55, 0.20 / 0.46)]
    assert appearance_distance(seen(first_skin, **without), seen(second_skin, **other)) == pytest.approx(np.mean(fewer), rel=1e-4)
