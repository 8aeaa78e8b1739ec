"""Faces of the most mistaken items: the right frame and place, and none for files that are gone."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from video_media import level, write_clip
from web_pages import read

from screener.evaluation.mistaken import mistaken_faces
from screener.evaluation.page import evaluation_html

from .made import evaluation, item, row


def brightness(uri: str) -> float:
    encoded = np.frombuffer(base64.b64decode(uri.partition("base64,")[2]), np.uint8)
    return float(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE).mean())


def test_the_most_suspicious_face_of_a_real_and_the_least_suspicious_of_a_fake(tmp_path: Path) -> None:
    """Each frame of the clips has a brightness of its own."""
    paths = [write_clip(tmp_path / name, frames=12) for name in ("real.mp4", "fake.mp4")]
    gone = item("gone.mp4")
    items = [*(replace(item(path.name, label), path=path) for label, path in enumerate(paths)), gone]
    logits = [-1.0, -1.0, -1.0, 3.0, -1.0, -1.0, -1.0, -4.0, -1.0, -1.0, -1.0, -1.0]
    rows = [row(one.path, logits) for one in items]
    found = evaluation(items, rows)
    faces = mistaken_faces(found, items, rows)
    assert faces.keys() == {"real.mp4", "fake.mp4"}
    assert abs(brightness(faces["real.mp4"]) - level(3)) < 4
    assert abs(brightness(faces["fake.mp4"]) - level(7)) < 4
    pictures = [attributes["src"] for tag, attributes in read(evaluation_html(found, faces=faces)).elements if tag == "img"]
    assert sorted(map(str, pictures)) == sorted(faces.values())
