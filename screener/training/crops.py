"""Labelled files in, face crops and their augmented copies out, one file after the other, with the problems of each file.

Combines reader, face detector and cropping, as a scan does. Does not know features, splits or output folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from screener.datasets import LabelledItem
from screener.errors import REASONS, SourceError
from screener.faces import FaceDetector
from screener.model.preprocessing import Preprocessing, crop_face
from screener.records import FaceBox, Frame
from screener.settings import ExtractSettings, ScanSettings
from screener.training.augmentation import changed_crop, draw_change
from screener.video import file_source, open_video

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ItemCrop:
    """One crop. item: index of its file. seconds: of its frame, None for a picture. copy: 0 is the plain crop. crop_rgb: (S, S,
    3) uint8.
    """

    item: int
    seconds: float | None
    copy: int
    crop_rgb: Picture


@dataclass(frozen=True)
class BadFile:
    """A file that gave no crops, or fewer than expected.

    name: as in the data set. reason: from `errors.REASONS`. detail: in words, with the name. crops: how many it still gave.
    """

    name: str
    reason: str
    detail: str
    crops: int


@dataclass(frozen=True)
class ItemEnd:
    """The end of a file was reached. bad: what was wrong with it."""

    bad: BadFile | None


class CropReader:
    """Files -> crops. copies: for each file, number of augmented copies per crop."""

    def __init__(
        self,
        items: Sequence[LabelledItem],
        copies: Sequence[int],
        detector: FaceDetector | None,
        contract: Preprocessing,
        settings: ExtractSettings,
    ) -> None:
        """detector: None if the pictures are crops already."""
        self._items, self._copies, self._detector, self._contract, self._settings = items, copies, detector, contract, settings
        self._scan = ScanSettings(frames=settings.frames, min_face_px=settings.min_face_px)

    def read(self, numbers: Sequence[int]) -> Iterator[ItemCrop | ItemEnd]:
        """The crops of the files with these indices, each file followed by an ItemEnd; the same on every call."""
        for number in numbers:
            crops, reason, detail = 0, "", ""
            try:
                for found in self._crops(number):
                    if isinstance(found, str):
                        reason = found
                    else:
                        crops += 1
                        yield found
            except SourceError as error:
                reason, detail = error.reason, error.message
            name = self._items[number].name
            yield ItemEnd(BadFile(name, reason, detail or f"{name}: {REASONS[reason]}", crops) if reason else None)

    def _crops(self, number: int) -> Iterator[ItemCrop | str]:
        """The crops of one file, then a reason if there is one."""
        item = self._items[number]
        missed = ""
        held: list[ItemCrop] = []
        given = False
        with closing(open_video(file_source(item.path, item.name), self._scan)) as video:
            for frame in video.frames():
                # Held back by one frame, because only the end tells a still picture from a film.
                yield from held
                held, why = self._look(number, frame)
                given, missed = given or bool(held), missed or why
            facts = video.facts
        yield from [replace(crop, seconds=None) for crop in held] if facts.is_still else held
        if facts.reasons:
            yield facts.reasons[0]
        elif not given:
            yield missed or "no_face"

    def _look(self, number: int, frame: Frame) -> tuple[list[ItemCrop], str]:
        """The plain crop of a frame and its copies, or why there is none."""
        picture = frame.picture_rgb
        if self._detector is None:
            box = _whole(picture, self._contract.crop_margin)
        else:
            face = largest(self._detector.detect(picture))
            if face is None:
                return [], "no_face"
            if face.size_px < self._settings.min_face_px:
                return [], "too_small"
            box = face.box_xyxy
        crops = [crop_face(picture, box, self._contract)]
        for copy in range(1, 1 + self._copies[number]):
            rng = np.random.default_rng([self._settings.seed, number, frame.index, copy])
            crops.append(changed_crop(picture, box, self._contract, draw_change(rng)))
        return [ItemCrop(number, frame.pts_seconds, copy, crop) for copy, crop in enumerate(crops)], ""


def _whole(picture: Picture, margin: float) -> NDArray[np.float32]:
    """A box whose crop is the largest centred square of the picture."""
    height, width = picture.shape[:2]
    half = min(height, width) / margin / 2
    return np.array([width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half], np.float32)


def largest(faces: Sequence[FaceBox]) -> FaceBox | None:
    """The face that the label applies to: the largest of a frame, as in the field's benchmarks (Yan et al. 2023, arXiv:2307.01426)."""
    return max(faces, key=lambda face: face.size_px, default=None)
