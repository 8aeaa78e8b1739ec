"""Face detection with the real detector: none, one, two faces, on pictures of every size and kind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from screener.faces import DETECTORS, FaceDetector, as_rgb

SIDE_PX = 320
FACE_XYXY = (115.0, 70.0, 212.0, 200.0)
"""About where the face is in the portrait below, seen by eye."""


@pytest.fixture(scope="module", params=sorted(DETECTORS))
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    """The contract suite runs over every detector."""
    return DETECTORS[request.param](device="cpu")


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """(320, 320, 3) uint8 with one face, from scikit-image's picture of an astronaut."""
    return np.ascontiguousarray(astronaut()[:SIDE_PX, 60 : 60 + SIDE_PX], np.uint8)


def overlap(a: np.ndarray | tuple[float, ...], b: np.ndarray | tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, float(width)) * max(0.0, float(height))
    areas = [float((c[2] - c[0]) * (c[3] - c[1])) for c in (a, b)]
    return shared / (sum(areas) - shared)


def test_one_face(detector: FaceDetector, portrait: np.ndarray) -> None:
    (face,) = detector.detect(portrait)
    assert overlap(face.box_xyxy, FACE_XYXY) > 0.6
    assert 0.9 <= face.confidence <= 1.0
    assert face.box_xyxy.shape == (4,) and face.box_xyxy.dtype == np.float32
    assert face.landmarks_xy.shape == (5, 2) and face.landmarks_xy.dtype == np.float32
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks_xy
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]


def test_boxes_are_in_pixels_of_a_large_picture(detector: FaceDetector, portrait: np.ndarray) -> None:
    scale, left, top = 4, 900, 300
    large = np.zeros((2600, 3600, 3), np.uint8)
    side = scale * SIDE_PX
    large[top : top + side, left : left + side] = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_LINEAR)
    (face,) = detector.detect(large)
    expected = tuple(scale * value + shift for value, shift in zip(FACE_XYXY, (left, top, left, top), strict=True))
    assert overlap(face.box_xyxy, expected) > 0.6
    nose = face.landmarks_xy[2]
    assert expected[0] < nose[0] < expected[2] and expected[1] < nose[1] < expected[3]


def test_stretched_pictures_scale_each_axis_by_itself(detector: FaceDetector, portrait: np.ndarray) -> None:
    # 1001 pixels shrink to 640 by a factor that leaves no whole number of rows.
    wide = cv2.copyMakeBorder(portrait, 0, 0, 0, 1001 - SIDE_PX, cv2.BORDER_CONSTANT)
    (face,) = detector.detect(np.asarray(wide, np.uint8))
    assert overlap(face.box_xyxy, FACE_XYXY) > 0.6


def test_a_small_face_in_a_large_picture_gets_a_second_look(detector: FaceDetector, portrait: np.ndarray) -> None:
    large = np.full((1080, 1920, 3), 90, np.uint8)
    large[400:520, 800:920] = cv2.resize(portrait, (120, 120), interpolation=cv2.INTER_AREA)
    (face,) = detector.detect(large)
    expected = tuple(value * 120 / SIDE_PX + shift for value, shift in zip(FACE_XYXY, (800, 400, 800, 400), strict=True))
    assert overlap(face.box_xyxy, expected) > 0.5


def test_two_faces_side_by_side(detector: FaceDetector, portrait: np.ndarray) -> None:
    faces = detector.detect(np.hstack([portrait, portrait[:, ::-1]]))
    assert len(faces) == 2
    boxes = sorted((face.box_xyxy for face in faces), key=lambda box: float(box[0]))
    assert overlap(boxes[0], FACE_XYXY) > 0.6
    assert overlap(boxes[1], (2 * SIDE_PX - FACE_XYXY[2], FACE_XYXY[1], 2 * SIDE_PX - FACE_XYXY[0], FACE_XYXY[3])) > 0.6
    assert faces[0].confidence >= faces[1].confidence


@pytest.mark.parametrize("value", [0, 127, 255])
def test_flat_pictures_have_no_face(detector: FaceDetector, value: int) -> None:
    assert detector.detect(np.full((120, 160, 3), value, np.uint8)) == []


def test_noise_has_no_face(detector: FaceDetector) -> None:
    assert detector.detect(np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (12, 12), (19, 19), (20, 20), (19, 2000), (20, 21), (3000, 25)])
def test_tiny_and_narrow_pictures(detector: FaceDetector, size: tuple[int, int]) -> None:
    assert detector.detect(np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)) == []


def test_faces_cut_by_the_edge_do_not_fail(detector: FaceDetector, portrait: np.ndarray) -> None:
    for left in range(120, 210, 15):
        for face in detector.detect(np.ascontiguousarray(portrait[60:220, left:])):
            assert np.isfinite(face.box_xyxy).all() and face.size_px >= 1


def test_every_kind_of_array_gives_the_same_boxes(detector: FaceDetector, portrait: np.ndarray) -> None:
    (expected,) = detector.detect(portrait)
    alpha = np.dstack([portrait, np.full(portrait.shape[:2], 7, np.uint8)])
    for same in (alpha, portrait.astype(object), portrait.astype(np.int64), portrait.astype(np.float64), portrait[::-1][::-1]):
        (face,) = detector.detect(same)
        np.testing.assert_array_equal(face.box_xyxy, expected.box_xyxy)


def test_gray_pictures(detector: FaceDetector, portrait: np.ndarray) -> None:
    gray = np.asarray(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), np.uint8)
    for picture in (gray, gray[..., None], np.dstack([gray, np.zeros_like(gray)])):
        (face,) = detector.detect(picture)
        assert overlap(face.box_xyxy, FACE_XYXY) > 0.6


def test_same_picture_same_boxes_and_the_picture_is_left_alone(detector: FaceDetector, portrait: np.ndarray) -> None:
    picture = portrait.copy()
    first, second = detector.detect(picture), detector.detect(picture)
    assert [face.box_xyxy.tolist() for face in first] == [face.box_xyxy.tolist() for face in second]
    np.testing.assert_array_equal(picture, portrait)


def test_contract_names_the_detector_and_its_settings() -> None:
    usual, finer = DETECTORS["mtcnn"](device="cpu").contract(), DETECTORS["mtcnn"](device="cpu", long_side_px=800).contract()
    assert usual["name"] == "mtcnn"
    assert {name for name in usual if usual[name] != finer[name]} == {"long_side_px"}


def test_a_high_confidence_threshold_drops_faces(portrait: np.ndarray) -> None:
    assert DETECTORS["mtcnn"](device="cpu", confidence_threshold=1.01).detect(portrait) == []


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.array([[0, 255]], np.uint8), [[[0] * 3, [255] * 3]]),
        (np.array([[[1], [2]]], np.uint8), [[[1] * 3, [2] * 3]]),
        (np.array([[[9, 50]]], np.uint8), [[[9, 9, 9]]]),
        (np.array([[[1, 2, 3, 4]]], np.uint8), [[[1, 2, 3]]]),
        (np.array([[[1, 2, 3]]], object), [[[1, 2, 3]]]),
        (np.array([[[-5, 300, 7]]], np.int32), [[[0, 255, 7]]]),
        (np.array([[[np.nan, np.inf, -np.inf]]]), [[[0, 255, 0]]]),
    ],
)
def test_as_rgb(picture: np.ndarray, expected: list[list[list[int]]]) -> None:
    rgb = as_rgb(picture)
    assert rgb.dtype == np.uint8 and rgb.flags.c_contiguous
    np.testing.assert_array_equal(rgb, expected)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0), (5, 5, 5), (5,), (1, 5, 5, 3), (5, 5, 0)])
def test_as_rgb_refuses_what_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="picture: expected"):
        as_rgb(np.zeros(shape, np.uint8))
