"""The cascade against facenet-pytorch's implementation of the same three networks, and its suppression against torchvision's."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import warnings
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut, coffee
from torchvision import ops

from screener.faces import MtcnnDetector
from screener.faces import cascade as cascade_module
from screener.faces.cascade import Cascade, Found, batched_nms

TOLERANCE_PX = 2e-3


@pytest.fixture(scope="module")
def published() -> object:
    """facenet-pytorch's detector with our settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from facenet_pytorch import MTCNN

        return MTCNN(keep_all=True, min_face_size=20, post_process=False).eval()


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return MtcnnDetector()._cascade


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
def test_the_boxes_are_those_of_the_published_code(name: str, cascade: Cascade, published: object) -> None:
    picture = pictures()[name]
    assert_same(cascade.find(picture[None])[0], expected(published, picture))


def test_several_pictures_at_once(cascade: Cascade, published: object) -> None:
    crowd = pictures()["crowd"]
    batch = np.stack([crowd, np.zeros_like(crowd), crowd[:, ::-1]])
    for found, picture in zip(cascade.find(batch), batch, strict=True):
        assert_same(found, expected(published, np.ascontiguousarray(picture)))


def test_the_crowd_is_found_so_that_these_tests_say_something(cascade: Cascade) -> None:
    assert len(cascade.find(pictures()["crowd"][None])[0].confidences) == 5


@pytest.mark.parametrize(("size", "count"), [((20, 20), 1), ((28, 500), 1), ((29, 500), 2), ((360, 640), 9), ((1080, 1920), 12)])
def test_scales_reach_from_the_smallest_face_to_the_whole_picture(cascade: Cascade, size: tuple[int, int], count: int) -> None:
    scales = cascade.scales(*size)
    assert len(scales) == count and scales[0] == pytest.approx(0.6)
    assert min(size) * scales[-1] >= 12 - 1e-6 > min(size) * scales[-1] * 0.709


def boxes(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand((count, 2), generator=generator) * 60
    sides = 5 + torch.rand((count, 2), generator=generator) * 40
    certainties = torch.rand(count, generator=generator)
    return torch.cat([corners, corners + sides], 1), certainties, torch.randint(0, 3, (count,), generator=generator)


@pytest.mark.parametrize("count", [0, 1, 7, 300])
@pytest.mark.parametrize("most_iou", [0.3, 0.7])
def test_the_same_boxes_in_the_same_order(count: int, most_iou: float) -> None:
    assert batched_nms(*boxes(count), most_iou).tolist() == ops.batched_nms(*boxes(count), most_iou).tolist()


def test_without_the_library_it_is_imported_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    cascade_module._kernel.cache_clear()
    assert batched_nms(*boxes(50), 0.5).tolist() == ops.batched_nms(*boxes(50), 0.5).tolist()
    cascade_module._kernel.cache_clear()


def test_finding_faces_imports_none_of_the_slow_libraries() -> None:
    """Torchvision alone takes over a second; in a process of its own, for here they are loaded already."""
    code = (
        "import sys, numpy as np; from screener.scanning.screener import Screener; from screener.faces import MtcnnDetector;"
        "MtcnnDetector().detect(np.zeros((64, 64, 3), np.uint8));"
        "print([name for name in ('torchvision', 'facenet_pytorch', 'torch._dynamo', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
