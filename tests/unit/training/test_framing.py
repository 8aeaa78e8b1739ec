"""Framing: one framing crops two faces alike, mirrors by landmarks, and never exceeds the requested size."""

from __future__ import annotations

import numpy as np
import pytest
from builders import labelled_face

from screener.training.framing import SHIFT, TIGHTEST, ZOOM, Framing, draw_framing, framed

PLAIN = Framing(1.0, (0.0, 0.0), False)


def test_zoom_and_size() -> None:
    face = labelled_face(side=400)
    near, far = (framed(face, Framing(zoom, (0.0, 0.0), False), 1.3, 1000.0).crop_rgb.shape[0] for zoom in ZOOM)
    assert near == pytest.approx(200 * 1.3 * ZOOM[0], abs=1)
    assert far == pytest.approx(200 * 1.3 * ZOOM[1], abs=1)
    small = framed(face, PLAIN, 1.3, 90.4)
    assert small.crop_rgb.shape == (90, 90, 3)
    whole = framed(face, PLAIN, 1.3, 1000.0)
    assert small.landmarks_xy == pytest.approx(whole.landmarks_xy * 90 / whole.crop_rgb.shape[0], abs=0.01)


def test_pictures_too_small_for_the_margin_differ_in_zoom_as_well() -> None:
    face = labelled_face(side=160)
    face.box_xyxy[:] = (0, 0, 160, 160)
    near, far = (framed(face, Framing(zoom, (0.0, 0.0), False), 1.3, 1000.0).crop_rgb.shape[0] for zoom in ZOOM)
    assert (near, far) == (round(160 * TIGHTEST), 160)


def test_mirroring_mirrors_landmarks_too() -> None:
    face = labelled_face(side=160)
    plain, mirrored = framed(face, PLAIN, 1.3, 500.0), framed(face, Framing(1.0, (0.0, 0.0), True), 1.3, 500.0)
    assert np.array_equal(mirrored.crop_rgb, plain.crop_rgb[:, ::-1])
    # The left eye in the picture is still the one further left.
    assert mirrored.landmarks_xy[0, 0] < mirrored.landmarks_xy[1, 0]


def test_one_framing_cuts_two_pictures_alike() -> None:
    """A fake in its original's place: the same square of both, pixel for pixel."""
    real, fake = labelled_face("real", 1), labelled_face("fake", 1)
    framing = draw_framing(np.random.default_rng(0))
    assert np.array_equal(framed(real, framing, 1.3, 80.0).crop_rgb, framed(fake, framing, 1.3, 80.0).crop_rgb)


def test_framings_spread_over_their_range() -> None:
    drawn = [draw_framing(np.random.default_rng(seed)) for seed in range(300)]
    zooms, shifts = np.array([f.zoom for f in drawn]), np.array([f.shift_xy for f in drawn])
    assert ZOOM[0] <= zooms.min() < ZOOM[0] + 0.03 and ZOOM[1] - 0.03 < zooms.max() <= ZOOM[1]
    assert np.abs(shifts).max() <= SHIFT
    assert 0.4 < np.mean([f.mirrored for f in drawn]) < 0.6
