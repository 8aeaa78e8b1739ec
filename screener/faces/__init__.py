"""Frames -> face boxes, with MTCNN and its published weights, which lie in `mtcnn.safetensors`.

Knows pictures and boxes. Does not know people, time, or what is done with a face. A further detector is one class with the methods of
`FaceDetector` and one line in `DETECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable

from screener.faces.detector import FaceDetector, as_rgb
from screener.faces.mtcnn import MtcnnDetector

DETECTORS: dict[str, Callable[..., FaceDetector]] = {"mtcnn": MtcnnDetector}
"""Every face detector by name; each takes `device`."""

__all__ = ["DETECTORS", "FaceDetector", "MtcnnDetector", "as_rgb"]
