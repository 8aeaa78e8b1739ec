"""Scores clips by picture quality alone, and matches the quality of two clips: the baseline that a detector must beat.

Forged clips are often softer, smaller or more compressed than the real ones in the same set. A detector that only measures this looks good
on such a set and calls old television fake. Knows crops. Does not know networks, files or the meaning of labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Crops = NDArray[np.uint8]
Floats = NDArray[np.float64]

INNER = 0.18
"""Border of a crop that is ignored, relative to its side: the face is inside."""

JPEG_QUALITY = 88
"""Quality at which both clips of a scene are encoded after matching their sharpness."""

SIGMA_STEPS = 12
STRENGTH = 1.0
"""Strength of the ridge penalty, on standardised numbers."""


def quality_of(crops: Crops, face_px: float) -> Floats:
    """Four numbers of a clip, all logarithms: variance of the Laplacian, ratio of fine to middle detail, middle detail, size of the face.

    crops: (N, S, S, 3) RGB, averaged over N. face_px: median shorter side of the face boxes, pixels.
    """
    rows = [_of_crop(crop) for crop in crops]
    return np.array([*np.mean(rows, axis=0), np.log(max(face_px, 20.0))])


def _of_crop(crop: Crops) -> tuple[float, float, float]:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edge = round(INNER * len(grey))
    inner = np.s_[edge : len(grey) - edge, edge : len(grey) - edge]
    fine = np.log(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))[inner].mean() + 0.1)
    middle = np.log(np.abs(cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 4.0))[inner].mean() + 0.1)
    return float(np.log(cv2.Laplacian(grey, cv2.CV_32F)[inner].var() + 1)), float(fine - middle), float(middle)


def quality_scores(qualities: Floats, labels: NDArray[np.int64], scenes: Sequence[str]) -> Floats:
    """How fake each clip is by its quality alone, from a logistic regression on the clips of the other scenes.

    qualities: (N, K). labels: (N,), 1 is fake. scenes: (N,) names. Returns log-odds (N,); 0 if all other clips have the same label.
    """
    names = np.array(scenes)
    found = np.zeros(len(labels))
    for scene in set(scenes):
        inside = names == scene
        if len(set(labels[~inside].tolist())) < 2:
            continue
        found[inside] = _log_odds(qualities[~inside], labels[~inside], qualities[inside])
    return found


def _log_odds(known: Floats, labels: NDArray[np.int64], asked: Floats) -> Floats:
    """Ridge-penalised logistic regression by Newton's method, with equal weight for both classes."""
    centre, spread = known.mean(0), known.std(0) + 1e-9
    x, new = (np.column_stack([(rows - centre) / spread, np.ones(len(rows))]) for rows in (known, asked))
    weight = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    penalty = np.diag([STRENGTH] * known.shape[1] + [1e-6])
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta))
        step = np.linalg.solve((x * (weight * p * (1 - p))[:, None]).T @ x + penalty, x.T @ (weight * (labels - p)) - penalty @ beta)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(new @ beta, np.float64)


def sharpness_matched(one: Crops, other: Crops) -> tuple[Crops, Crops]:
    """The crops of two clips of a scene, the sharper one softened until the first number of its quality equals the other's, then both
    encoded alike.
    """
    levels = [quality_of(crops, 100.0)[0] for crops in (one, other)]
    if levels[0] > levels[1]:
        one = _softened(one, levels[1])
    else:
        other = _softened(other, levels[0])
    return _encoded(one), _encoded(other)


def _softened(crops: Crops, level: float) -> Crops:
    """Gaussian blur, whose width is found by bisection."""
    low, high, softer = 0.0, 4.0, crops
    for _ in range(SIGMA_STEPS):
        sigma = (low + high) / 2
        softer = np.stack([np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8) for crop in crops])
        low, high = (sigma, high) if quality_of(softer, 100.0)[0] > level else (low, sigma)
    return softer


def _encoded(crops: Crops) -> Crops:
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return np.stack([np.asarray(cv2.imdecode(cv2.imencode(".jpg", crop, flags)[1], cv2.IMREAD_COLOR), np.uint8) for crop in crops])
