"""Outlines of the blended region of a face, and their legend; only if the checkpoint states that its map may be shown.

Knows a face's blend map, the checkpoint's entry in a verdict, and SVG paths. Does not know HTML or how the overlap was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.records import FaceScore

LOCALISATION = "localisation"
"""Key of the locator's figures in the checkpoint's entry; present only if the map may be shown."""

VIEW_BOX = 100
"""Side of the square that a path is drawn in."""

FINENESS = 16
"""Points per cell of the map; values are interpolated linearly between the centres of cells."""

ROUNDING = 0.4
"""Largest deviation of a path from the outline, in units of the view box. A smaller one is not visible and only makes the page longer."""


def outline_of(face: FaceScore, checkpoint: Mapping[str, Any]) -> str:
    """SVG path data around the region that the locator marks on a face, "" if there is none to show."""
    if face.blend_map is None or LOCALISATION not in checkpoint:
        return ""
    return outline_path(face.blend_map, checkpoint[LOCALISATION]["level"])


def legend(checkpoint: Mapping[str, Any]) -> str:
    """What the outlines mean, their measured accuracy, and what they do not mean."""
    found = checkpoint[LOCALISATION]
    low, high = found["interval"]
    return (
        "Outlined on faces judged fake: where the network locates the part that was put into the picture. Point at a picture to see it "
        f"without. Measured on {found['pictures']:,} pictures in which that part is known: outline and part overlapped by "
        f"{found['overlap']:.2f} on average (intersection over union; 95\u00a0% interval {low:.2f} to {high:.2f}); one outline for all "
        f"faces reaches {found['fixed_overlap']:.2f}. It says where to look first; it takes no part in the score."
    )


def outline_path(blend_map: NDArray[np.float32], level: float) -> str:
    """(h, w) map -> SVG path data around everything at or above `level`, in a VIEW_BOX x VIEW_BOX square; "" if nothing is.

    Holes are separate subpaths: fill with the even-odd rule.
    """
    if blend_map.ndim != 2 or not blend_map.size:
        raise ValueError(f"blend_map: expected (h, w), got {blend_map.shape}")
    height, width = (side * FINENESS for side in blend_map.shape)
    fine = cv2.resize(np.asarray(blend_map, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    contours, _ = cv2.findContours(np.asarray(fine >= level, np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    scale_xy = np.array([VIEW_BOX / width, VIEW_BOX / height])
    return "".join(_closed(np.asarray(contour, np.int32), scale_xy) for contour in contours)


def _closed(contour: NDArray[np.int32], scale_xy: NDArray[np.float64]) -> str:
    # A contour runs through the middle of the outermost points.
    points = ((contour.reshape(-1, 1, 2) + 0.5) * scale_xy).astype(np.float32)
    corners = cv2.approxPolyDP(points, ROUNDING, True).reshape(-1, 2)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners) + "Z"
