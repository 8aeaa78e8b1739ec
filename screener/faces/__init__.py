"""Frames in, face boxes out, with MTCNN and its published weights (`mtcnn.safetensors`).

Knows pictures and boxes. Does not know people, time, or what is done with a face. To add a detector, write a class with the methods of
`FaceDetector` and add one line to `DETECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable

from screener.faces.detector import FaceDetector, as_rgb
from screener.faces.mtcnn import MtcnnDetector

DETECTORS: dict[str, Callable[..., FaceDetector]] = {"mtcnn": MtcnnDetector}
"""Face detectors by name; each takes `device`."""

__all__ = ["DETECTORS", "FaceDetector", "MtcnnDetector", "as_rgb"]
