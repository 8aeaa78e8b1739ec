"""Both cascades, of the processor and of PyTorch's devices, against facenet-pytorch's implementation of the same three networks."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut, coffee
from torchvision import ops

from screener.faces.candidates import Found, RunsNetworks
from screener.faces.cascade import Cascade, _without_doubles
from screener.faces.mtcnn import RULES
from screener.faces.torch_cascade import TorchCascade

TOLERANCE_PX = 2e-3


@pytest.fixture(scope="module")
def published() -> object:
    """facenet-pytorch's detector with our settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from facenet_pytorch import MTCNN

        return MTCNN(keep_all=True, min_face_size=20, post_process=False).eval()


@pytest.fixture(scope="module", params=["processor", "device"])
def cascade(request: pytest.FixtureRequest) -> RunsNetworks:
    return Cascade(RULES) if request.param == "processor" else TorchCascade(RULES, "cpu")


def pictures() -> dict[str, np.ndarray]:
    """(H, W, 3) uint8 pictures with no, one and several faces, with faces cut by the edge, and of odd sizes."""
    face = np.ascontiguousarray(astronaut()[:320, 60:380], np.uint8)
    small = cv2.resize(face, (96, 96), interpolation=cv2.INTER_AREA)
    crowd = np.full((240, 400, 3), 90, np.uint8)
    for left, top in ((0, 0), (150, 20), (301, 77), (40, 140), (220, 144)):
        crowd[top : top + 96, left : left + 96] = small
    return {
        "one": face,
        "odd": face[:317, :211],
        "cut": face[70:, 150:],
        "crowd": crowd,
        "none": np.ascontiguousarray(coffee()[:200, :301]),
        "noise": np.random.default_rng(0).integers(0, 256, (150, 203, 3), dtype=np.uint8),
        "narrow": np.ascontiguousarray(face[:, 100:121]),
    }


def expected(published: object, picture: np.ndarray) -> list[tuple[np.ndarray, float, np.ndarray]]:
    boxes, confidences, landmarks = published.detect(picture, landmarks=True)  # type: ignore[attr-defined]
    if boxes is None:
        return []
    faces = zip(boxes.astype(np.float32), confidences, landmarks.astype(np.float32), strict=True)
    return sorted(faces, key=lambda face: tuple(face[0]))


def assert_same(found: Found, faces: Sequence[tuple[np.ndarray, float, np.ndarray]]) -> None:
    assert len(found.confidences) == len(faces)
    order = np.lexsort(found.boxes_xyxy.T[::-1])
    for n, (box, confidence, points) in zip(order, faces, strict=True):
        np.testing.assert_allclose(found.boxes_xyxy[n], box, atol=TOLERANCE_PX)
        np.testing.assert_allclose(found.landmarks_xy[n], points, atol=TOLERANCE_PX)
        assert found.confidences[n] == pytest.approx(confidence, abs=1e-4)


@pytest.mark.parametrize("name", sorted(pictures()))
def test_the_boxes_are_those_of_the_published_code(name: str, cascade: RunsNetworks, published: object) -> None:
    picture = pictures()[name]
    assert_same(cascade.find(picture[None])[0], expected(published, picture))


def test_several_pictures_at_once(cascade: RunsNetworks, published: object) -> None:
    crowd = pictures()["crowd"]
    batch = np.stack([crowd, np.zeros_like(crowd), crowd[:, ::-1]])
    for found, picture in zip(cascade.find(batch), batch, strict=True):
        assert_same(found, expected(published, np.ascontiguousarray(picture)))


def test_the_crowd_is_found_so_that_these_tests_say_something(cascade: RunsNetworks) -> None:
    assert len(cascade.find(pictures()["crowd"][None])[0].confidences) == 5


@pytest.mark.parametrize(("size", "count"), [((20, 20), 1), ((28, 500), 1), ((29, 500), 2), ((360, 640), 9), ((1080, 1920), 12)])
def test_scales_reach_from_the_smallest_face_to_the_whole_picture(size: tuple[int, int], count: int) -> None:
    scales = RULES.scales(*size)
    assert len(scales) == count and scales[0] == pytest.approx(0.6)
    assert min(size) * scales[-1] >= 12 - 1e-6 > min(size) * scales[-1] * 0.709


def test_several_threads_at_once_find_the_same() -> None:
    cascade, named = Cascade(RULES), [picture for picture in pictures().values() if min(picture.shape[:2]) >= 20]
    alone = [cascade.find(picture[None])[0] for picture in named]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: cascade.find(picture[None])[0], named * 3))
    for found, same in zip(together, alone * 3, strict=True):
        np.testing.assert_array_equal(found.boxes_xyxy, same.boxes_xyxy)


@pytest.mark.parametrize("count", [0, 1, 7, 300])
@pytest.mark.parametrize("most_iou", [0.3, 0.7])
def test_the_same_boxes_are_kept_in_the_same_order_as_by_torchvision(count: int, most_iou: float) -> None:
    rng = np.random.default_rng(count)
    corners, sides, certainties = rng.random((count, 2)) * 60, 5 + rng.random((count, 2)) * 40, rng.random(count).astype(np.float32)
    boxes, groups = np.concatenate([corners, corners + sides], 1).astype(np.float32), rng.integers(0, 3, count)
    kept = ops.batched_nms(*map(torch.from_numpy, (boxes, certainties, groups)), most_iou)
    assert _without_doubles(boxes, certainties, most_iou, groups).tolist() == kept.tolist()


def test_finding_faces_imports_none_of_the_slow_libraries() -> None:
    """PyTorch takes over a second; in a process of its own, for here they are loaded already."""
    code = (
        "import sys, numpy as np; from screener.faces import MtcnnDetector;"
        "MtcnnDetector().detect(np.zeros((64, 64, 3), np.uint8));"
        "print([name for name in ('torch', 'torchvision', 'facenet_pytorch', 'scipy', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
