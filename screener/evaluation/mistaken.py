"""The items with the largest errors of a checkpoint, and a face of each: an evaluation and its rows -> pictures.

Opens the files again, because results contain no pictures. Does not judge anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.datasets import LabelledItem
from screener.errors import SourceError
from screener.evaluation.figures import Evaluation, ItemScore
from screener.evaluation.results import Row
from screener.evaluation.slices import HEADLINES
from screener.report.thumbnails import data_uri
from screener.settings import ScanSettings
from screener.video import READ_ON_FRAMES, file_source, open_video

MOST_MISTAKEN = 5

LATEST_FRAME = 20_000
"""Faces later in their video are not shown, because everything before them would have to be decoded."""

FACE_PX = 96
MARGIN = 0.25
"""Margin around a face, as a share of its box on each side."""


def most_mistaken(evaluation: Evaluation) -> tuple[tuple[ItemScore, ...], tuple[ItemScore, ...]]:
    """Reals with the highest scores, and fakes of the headline's families with the lowest, the worst first."""
    families = HEADLINES.get(evaluation.headline.name, ())
    scored = [item for item in evaluation.items if item.p_fake is not None]
    reals = sorted((i for i in scored if i.label == "real"), key=lambda item: -(item.p_fake or 0.0))
    fakes = sorted((i for i in scored if i.family in families), key=lambda item: item.p_fake or 0.0)
    return tuple(reals[:MOST_MISTAKEN]), tuple(fakes[:MOST_MISTAKEN])


def mistaken_faces(evaluation: Evaluation, items: Sequence[LabelledItem], rows: Sequence[Row]) -> dict[str, str]:
    """Pictures, as data URIs by name of item: the most suspicious face of each real of `most_mistaken`, the least of each fake.

    items, rows: what was evaluated, in the same order. Files that can no longer be read are left out.
    """
    reals, fakes = most_mistaken(evaluation)
    wanted = {item.name: max if item.label == "real" else min for item in (*reals, *fakes)}
    faces: dict[str, str] = {}
    for item, row in zip(items, rows, strict=True):
        if item.name in wanted and row["frames"]:
            chosen = wanted[item.name](row["frames"], key=lambda frame: float(frame["logit"]))
            if (face := _face(item, chosen)) is not None:
                faces[item.name] = data_uri(face, FACE_PX)
    return faces


def _face(item: LabelledItem, frame: Mapping[str, Any]) -> NDArray[np.uint8] | None:
    """(H, W, 3) RGB, the face with a margin; None if it can no longer be read."""
    index = int(frame["frame_index"])
    if index > LATEST_FRAME:
        return None
    try:
        with open_video(file_source(item.path), ScanSettings(all_frames=True)) as video:
            picture = None
            for one in video.frames():
                if one.index == index:
                    picture = one.picture_rgb
                elif one.index > index + READ_ON_FRAMES:
                    break
    except SourceError:
        return None
    return None if picture is None else _cut(picture, frame["box_xyxy"])


def _cut(picture_rgb: NDArray[np.uint8], box_xyxy: Sequence[float]) -> NDArray[np.uint8] | None:
    height, width = picture_rgb.shape[:2]
    left, top, right, bottom = box_xyxy
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    rows = slice(max(0, round(top - down)), min(height, round(bottom + down)))
    columns = slice(max(0, round(left - across)), min(width, round(right + across)))
    cut = picture_rgb[rows, columns]
    return np.ascontiguousarray(cut) if cut.size else None
