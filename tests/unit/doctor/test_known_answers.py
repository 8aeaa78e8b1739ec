"""The known answers of each stage detect the mistakes that they are meant to detect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from screener.doctor import known_answers
from screener.doctor.findings import Fault
from screener.doctor.known_answers import box_fault, check_crop, check_normalisation, picture_fault
from screener.doctor.specimen import FRAMES, SIDE_PX, Specimen, make_specimen
from screener.model.preprocessing import Preprocessing, crop_face
from screener.records import FaceBox

UInt8 = NDArray[np.uint8]


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    return make_specimen()


def test_the_twins_are_alike_but_for_the_face(specimen: Specimen) -> None:
    assert len(specimen.genuine) == len(specimen.manipulated) == len(specimen.boxes_xyxy) == FRAMES
    for genuine, manipulated, box in zip(specimen.genuine, specimen.manipulated, specimen.boxes_xyxy, strict=True):
        assert genuine.shape == manipulated.shape == (SIDE_PX, SIDE_PX, 3)
        difference = np.abs(genuine.astype(int) - manipulated).max(2)
        x0, y0, x1, y1 = box.astype(int)
        assert difference[y0:y1, x0:x1].max() > 20
        # Clothes, hair and background, a quarter of a face away from the face, are the same to the last bit.
        margin = (x1 - x0) // 4
        difference[y0 - margin : y1 + margin, x0 - margin : x1 + margin] = 0
        assert difference.max() == 0


def test_the_specimen_is_the_same_each_time(specimen: Specimen) -> None:
    again = make_specimen()
    assert all(np.array_equal(a, b) for a, b in zip(specimen.manipulated, again.manipulated, strict=True))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda picture: picture, ""),
        (lambda picture: np.clip(picture.astype(int) + 15, 0, 255).astype(np.uint8), ""),
        (lambda picture: picture[..., ::-1], "red and blue are swapped"),
        (lambda picture: picture[:, ::-1], "the picture is mirrored"),
        (lambda picture: picture[::-1], "the picture is upside down"),
        (lambda picture: picture[::-1, ::-1], "the picture is turned by half"),
        (lambda picture: np.rot90(picture), "the picture is turned to the left"),
        (lambda picture: np.rot90(picture, -1), "the picture is turned to the right"),
        (lambda picture: picture // 2, "colours are off by up to 1"),
    ],
)
def test_a_wrong_picture_is_told_apart_from_a_right_one(specimen: Specimen, spoil: Callable[[UInt8], UInt8], said: str) -> None:
    found = picture_fault(spoil(specimen.genuine[0]))
    assert found.startswith(said) if said else found == ""


def face_at(box_xyxy: NDArray[np.float32]) -> FaceBox:
    return FaceBox(np.asarray(box_xyxy, np.float32), 0.99, np.zeros((5, 2), np.float32))


def test_faces_missing_doubled_or_misplaced_are_told(specimen: Specimen) -> None:
    box = specimen.boxes_xyxy[0]
    assert box_fault([face_at(box)], box) == (1.0, "")
    assert box_fault([], box)[1] == "0 faces were found, there is one"
    assert box_fault([face_at(box), face_at(box + 5)], box)[1] == "2 faces were found, there is one"
    assert "the face was found at" in box_fault([face_at(box + 100)], box)[1]


def test_this_screener_crops_right() -> None:
    assert check_crop()


def crop_shifted(picture: UInt8, box: NDArray[np.float64], contract: Preprocessing) -> UInt8:
    return crop_face(picture, box + 1, contract)


def crop_with_black_border(picture: UInt8, box: NDArray[np.float64], contract: Preprocessing) -> UInt8:
    framed = cv2.copyMakeBorder(picture, 200, 200, 200, 200, cv2.BORDER_CONSTANT)
    return crop_face(framed, box + 200, contract)


def crop_narrower(picture: UInt8, box: NDArray[np.float64], contract: Preprocessing) -> UInt8:
    return crop_face(picture, box, replace(contract, crop_margin=1.24))


@pytest.mark.parametrize("wrong", [crop_shifted, crop_with_black_border, crop_narrower])
def test_wrong_cropping_is_noticed(monkeypatch: pytest.MonkeyPatch, wrong: Callable[..., UInt8]) -> None:
    monkeypatch.setattr(known_answers, "crop_face", wrong)
    with pytest.raises(Fault, match="grey levels"):
        check_crop()


@pytest.mark.parametrize("interpolation", [cv2.INTER_NEAREST, cv2.INTER_CUBIC])
def test_wrong_resizing_is_noticed(monkeypatch: pytest.MonkeyPatch, interpolation: int) -> None:
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda picture, size, **_: resize(picture, size, interpolation=interpolation))
    with pytest.raises(Fault, match="grey levels"):
        check_crop()


def test_normalisation_is_held_against_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = Preprocessing(mean_rgb=(0.5, 0.4, 0.3), std_rgb=(0.2, 0.25, 0.3))
    check_normalisation(contract)
    right = known_answers.normalise
    monkeypatch.setattr(known_answers, "normalise", lambda crops, _: right(crops, Preprocessing()))
    with pytest.raises(Fault, match="normalised values are off"):
        check_normalisation(contract)
    monkeypatch.setattr(known_answers, "normalise", lambda crops, _: right(crops, contract).transpose(0, 2, 3, 1))
    with pytest.raises(Fault, match="shape"):
        check_normalisation(contract)
