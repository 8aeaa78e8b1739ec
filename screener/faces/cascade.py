"""Runs MTCNN's three networks on the processor, with OpenCV: PNet proposes boxes at every scale, RNet refines them, ONet gives final boxes
and landmarks.

OpenCV loads in a tenth of PyTorch's time and computes these networks as fast. The networks and weights are those of facenet-pytorch,
unchanged. The steps between them are implemented here, because facenet-pytorch spends most of its time there: it averages pixels anew for
every scale and cuts out candidates one by one. The boxes equal its boxes up to rounding, which a test checks. Does not know files, records
or what is done with a face. On a GPU `torch_cascade` does the same.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.faces.area import AreaSums, Int64
from screener.faces.candidates import (
    CELL_PX,
    FOLLOWED_IOU,
    REFINED_SIDE,
    SAME_FACE_IOU,
    SAME_SCALE_IOU,
    SETTLED_SIDE,
    STRIDE_PX,
    Found,
    Rules,
    reduced_size,
    surest,
)  # fmt: skip
from screener.faces.graphs import models
from screener.runtime.borrowing import Borrowing

Float32 = NDArray[np.float32]
Networks = dict[str, Any]


class Cascade:
    """The three networks. Several threads may use it at once: each borrows networks of its own, for OpenCV's cannot be shared."""

    def __init__(self, rules: Rules) -> None:
        """Raises DeviceError if the networks' file is missing or broken."""
        self._rules = rules
        self._networks = Borrowing(_new_networks)
        models()

    def find(self, pictures_rgb: NDArray[np.uint8]) -> list[Found]:
        """See `RunsNetworks.find`."""
        with self._networks.one() as networks:
            return [self._found(networks, picture) for picture in pictures_rgb]

    def follow(self, picture_rgb: NDArray[np.uint8], boxes_xyxy: Float32) -> Found:
        """See `RunsNetworks.follow`."""
        sums = AreaSums(picture_rgb)
        with self._networks.one() as networks:
            large = self._proposed(networks, sums, self._rules.coarse_scales(sums.height, sums.width), FOLLOWED_IOU)
            candidates = np.concatenate([_squares(np.asarray(boxes_xyxy, np.float32)), large])
            return self._settled(networks, sums, self._refined(networks, sums, candidates))

    def _found(self, networks: Networks, picture_rgb: NDArray[np.uint8]) -> Found:
        sums = AreaSums(picture_rgb)
        candidates = self._proposed(networks, sums, self._rules.scales(sums.height, sums.width), SAME_FACE_IOU)
        return self._settled(networks, sums, self._refined(networks, sums, candidates))

    def _proposed(self, networks: Networks, sums: AreaSums, searched: tuple[float, ...], most_iou: float) -> Float32:
        """Square boxes (K, 4) that PNet takes for faces at these scales, overlapping by at most `most_iou`."""
        boxes, certainties, shifts, numbers = [], [], [], []
        for number, scale in enumerate(searched):
            answers = _run(networks["pnet"], sums.reduced(*reduced_size(sums.height, sums.width, scale))[None])[0]
            sure = _certainty(answers[0]) >= self._rules.thresholds[0]
            rows, columns = np.nonzero(sure)
            boxes.append(_cells(rows, columns, scale))
            certainties.append(_certainty(answers[0, rows, columns]))
            shifts.append(answers[1:5, rows, columns].T)
            numbers.append(np.full(len(rows), number))
        if not sum(map(len, boxes)):
            return np.zeros((0, 4), np.float32)
        found, sure_of, moved, scales = (np.concatenate(parts) for parts in (boxes, certainties, shifts, numbers))
        kept = _without_doubles(found, sure_of, SAME_SCALE_IOU, scales)
        kept = kept[_without_doubles(found[kept], sure_of[kept], most_iou)]
        return _squares(found[kept] + moved[kept] * np.tile(found[kept, 2:] - found[kept, :2], 2))

    def _refined(self, networks: Networks, sums: AreaSums, boxes: Float32) -> Float32:
        """Square boxes (K, 4) that RNet takes for faces, moved as it says."""
        boxes, crops = _cut(sums, boxes, REFINED_SIDE)
        if not len(boxes):
            return boxes
        answers = _run(networks["rnet"], crops)[:, :, 0, 0]
        certainties = _certainty(answers[:, 0])
        sure = certainties > self._rules.thresholds[1]
        boxes, certainties, shifts = boxes[sure], certainties[sure], answers[sure, 1:5]
        kept = _without_doubles(boxes, certainties, SAME_FACE_IOU)
        return _squares(_shifted(boxes[kept], shifts[kept]))

    def _settled(self, networks: Networks, sums: AreaSums, boxes: Float32) -> Found:
        """What ONet takes for faces."""
        boxes, crops = _cut(sums, boxes, SETTLED_SIDE)
        if not len(boxes):
            return Found(boxes, boxes[:, 0], np.zeros((0, 5, 2), np.float32))
        answers = _run(networks["onet"], crops)[:, :, 0, 0]
        certainties = _certainty(answers[:, 0])
        sure = certainties > self._rules.thresholds[2]
        boxes, certainties, answers = boxes[sure], certainties[sure], answers[sure]
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        landmarks = answers[:, 5:].reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
        return surest(Found(_shifted(boxes, answers[:, 1:5]), certainties, landmarks))


def _new_networks() -> Networks:
    return {name: cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8)) for name, model in models().items()}


def _run(network: Any, pictures: Float32) -> Float32:
    """(N, h, w, 3) pixels -> the network's answers (N, C, h', w')."""
    network.setInput(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    return np.asarray(network.forward(), np.float32)


def _certainty(logits: Float32) -> Float32:
    return np.asarray(1 / (1 + np.exp(np.clip(-logits, -80, 80))), np.float32)


def _cells(rows: Int64, columns: Int64, scale: float) -> Float32:
    """The picture area that each of these outputs of PNet covers: boxes (K, 4)."""
    corner = np.stack([columns, rows], 1).astype(np.float32) * STRIDE_PX
    return np.concatenate([np.floor((corner + 1) / np.float32(scale)), np.floor((corner + CELL_PX) / np.float32(scale))], 1)


def _cut(sums: AreaSums, boxes: Float32, side: int) -> tuple[Float32, Float32]:
    """The boxes that lie partly inside the picture, and those parts resized to (side, side)."""
    whole = np.trunc(boxes).astype(np.int64)
    starts = np.maximum(whole[:, :2], 1) - 1
    ends = np.minimum(whole[:, 2:], [sums.width, sums.height])
    inside = (ends > starts).all(1)
    return boxes[inside], sums.crops(np.concatenate([starts, ends], 1)[inside], side)


def _without_doubles(boxes: Float32, certainties: Float32, most_iou: float, groups: Int64 | None = None) -> Int64:
    """Indices, most confident first, of the boxes (n, 4) that overlap no more confident box of their group by more than `most_iou`."""
    if not len(boxes):
        return np.zeros(0, np.int64)
    corners_and_sides: Any = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).astype(np.float64)
    numbers: Any = np.zeros(len(boxes), np.int32) if groups is None else groups.astype(np.int32)
    kept = cv2.dnn.NMSBoxesBatched(corners_and_sides, certainties, numbers, 0.0, most_iou)  # type: ignore[arg-type]
    return np.asarray(kept, np.int64).reshape(-1)


def _shifted(boxes: Float32, shifts: Float32) -> Float32:
    """Boxes moved by a network's regression output, in units of their sides (inclusive of the last pixel)."""
    return boxes + shifts * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _squares(boxes: Float32) -> Float32:
    """The square with the longer side of each box around its centre."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(1, keepdims=True, initial=0)
    starts = boxes[:, :2] + sides * np.float32(0.5) - longer * np.float32(0.5)
    return np.concatenate([starts, starts + longer], 1)
