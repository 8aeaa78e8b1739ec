"""JPEG headers, held against files that Pillow and OpenCV wrote at known settings."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import portrait
from PIL import ExifTags, Image

from screener.datasets.audit.jpeg_header import PictureHeader, read_picture_header


def test_every_quality_is_read_back(tmp_path: Path) -> None:
    picture = Image.fromarray(portrait(side=16))
    found = []
    for quality in range(1, 101):
        picture.save(tmp_path / "a.jpg", quality=quality)
        found.append(read_picture_header(tmp_path / "a.jpg").quality)
    assert found == list(range(1, 101))


def test_two_encoders_at_one_quality_have_one_table_and_other_qualities_another(tmp_path: Path) -> None:
    Image.fromarray(portrait(side=32)).save(tmp_path / "pillow.jpg", quality=80)
    Image.fromarray(portrait(1, 48)).save(tmp_path / "other.jpg", quality=81)
    cv2.imwrite(str(tmp_path / "opencv.jpg"), portrait(2, 40), [cv2.IMWRITE_JPEG_QUALITY, 80])
    pillow, other, opencv = (read_picture_header(tmp_path / f"{name}.jpg") for name in ("pillow", "other", "opencv"))
    assert (pillow.quality, opencv.quality, other.quality) == (80, 80, 81)
    assert pillow.tables == opencv.tables != other.tables


@pytest.mark.parametrize(("subsampling", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_chroma_sampling(tmp_path: Path, subsampling: int, name: str) -> None:
    Image.fromarray(portrait(side=32)).save(tmp_path / "a.jpg", subsampling=subsampling)
    assert read_picture_header(tmp_path / "a.jpg").sampling == name


def test_grey_and_progressive(tmp_path: Path) -> None:
    Image.fromarray(portrait(side=32)).convert("L").save(tmp_path / "a.jpg", progressive=True)
    header = read_picture_header(tmp_path / "a.jpg")
    assert (header.sampling, header.progressive) == ("grey", True)


def test_software_and_camera(tmp_path: Path) -> None:
    picture = Image.fromarray(portrait(side=32))
    exif = Image.Exif()
    exif[ExifTags.Base.Software], exif[ExifTags.Base.Make] = "Adobe  Photoshop\n21", "Canon"
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert read_picture_header(tmp_path / "a.jpg").software == "Adobe Photoshop 21 Canon"


def test_a_picture_without_tables_has_none(tmp_path: Path) -> None:
    Image.fromarray(portrait(side=32)).save(tmp_path / "a.png")
    assert read_picture_header(tmp_path / "a.png") == PictureHeader()


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", np.arange(200, dtype=np.uint8).tobytes()])
def test_what_is_no_picture_has_an_empty_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert read_picture_header(tmp_path / "a.jpg") == PictureHeader()
