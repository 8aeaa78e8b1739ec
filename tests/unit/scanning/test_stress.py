"""Changed crops against changed whole frames, and the effect of their scores on a verdict."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from builders import TINY_PREPROCESSING, box, face_crop, limits, person, sighting
from skimage.data import astronaut

from screener.checkpoint import Calibration
from screener.model.preprocessing import crop_face, sharpness
from screener.perturbation.applied import STRESS
from screener.record_stress import ChangedCrop, tipping
from screener.records import FaceCrop, Frame
from screener.scanning.stress import Changes, StressTest, stressed

PORTRAIT = np.ascontiguousarray(astronaut()[:400, 40:440], np.uint8)
FACE = box(130, 70, 230, 190)


@pytest.mark.parametrize("number", range(len(STRESS)), ids=lambda number: f"{STRESS[number].kind}-{STRESS[number].strength}")
def test_a_changed_crop_is_that_of_the_changed_frame(number: int) -> None:
    frame = Frame(PORTRAIT, 0.0, 0)
    changed = Changes(TINY_PREPROCESSING, 40, 0.0)(frame, FACE)[number]
    whole = STRESS[number].picture(PORTRAIT)
    scale = whole.shape[1] / PORTRAIT.shape[1]
    expected = crop_face(whole, FACE.box_xyxy * scale, TINY_PREPROCESSING)
    untouched = crop_face(PORTRAIT, FACE.box_xyxy, TINY_PREPROCESSING)

    def away(crop: np.ndarray[Any, Any], other: np.ndarray[Any, Any] = changed.crop_rgb) -> float:
        return float(np.abs(other.astype(float) - crop).mean())

    if STRESS[number].kind == "h264":  # blocks lie elsewhere, so errors are others, as large
        assert 0.6 < away(untouched) / away(untouched, expected) < 1.6
    else:  # crops lie on whole pixels of a smaller picture, so up to half of one apart
        coarse, expected_coarse = (cv2.GaussianBlur(crop, (0, 0), 2) for crop in (changed.crop_rgb, expected))
        assert away(expected_coarse, coarse) < 4
        assert 0.8 < sharpness(changed.crop_rgb) / sharpness(expected) < 1.25
        assert sharpness(changed.crop_rgb) < 0.9 * sharpness(untouched)
    assert changed.face_px == pytest.approx(FACE.size_px * scale, rel=0.01)
    assert changed.sharpness == sharpness(changed.crop_rgb) and changed.fate == "crop"


def test_a_face_that_a_change_makes_too_small_or_too_blurred_is_not_judged() -> None:
    frame = Frame(PORTRAIT, 0.0, 0)
    fates = [changed.fate for changed in Changes(TINY_PREPROCESSING, 70, 0.0)(frame, FACE)]
    assert fates == ["too_small" if STRESS[n].kind == "downscale" and STRESS[n].level == 1.5 else "crop" for n in range(len(STRESS))]
    blurred = Changes(TINY_PREPROCESSING, 40, 0.0)(frame, FACE)[-1].sharpness
    assert [changed.fate for changed in Changes(TINY_PREPROCESSING, 40, blurred + 1)(frame, FACE)][-1] == "too_blurred"


def test_a_face_at_the_edge_of_the_frame_is_changed_too() -> None:
    made = Changes(TINY_PREPROCESSING, 40, 0.0)(Frame(PORTRAIT, 0.0, 0), box(-30, -20, 70, 80))
    assert all(changed.crop_rgb.shape == (64, 64, 3) for changed in made)


class Told:
    """A scorer that answers with the mean brightness of a crop, as log-odds."""

    def logits(self, crops_rgb: Any) -> Any:
        return np.asarray(crops_rgb, np.float64).mean((1, 2, 3)) - 100


def crops(track_id: int, brightness: list[int], count: int = 6, fate: str = "crop") -> list[FaceCrop]:
    """Crops whose n-th change has the n-th brightness; the last change has the given fate."""
    plain = [ChangedCrop("crop", np.full((8, 8, 3), value, np.uint8), 90.0, 50.0) for value in brightness[:-1]]
    last = ChangedCrop(fate, np.full((8, 8, 3), brightness[-1], np.uint8), 30.0, 50.0)
    made = [face_crop(np.zeros((8, 8, 3), np.uint8), index, track_id) for index in range(count)]
    return [FaceCrop(c.crop_rgb, c.box, c.frame_index, c.pts_seconds, c.track_id, c.sharpness, changed=(*plain, last)) for c in made]


def test_each_person_is_judged_after_each_change_and_the_video_by_all_of_them() -> None:
    test = StressTest(Told(), Calibration())  # type: ignore[arg-type]
    bright, dark, even = 110, 90, 100
    test.take(crops(1, [bright, dark, even, bright, bright, bright]))
    test.take(crops(2, [dark, dark, dark, dark, bright, dark], fate="too_small"))
    seen = {1: sighting(6), 2: sighting(6, track_id=2), 3: sighting(1, track_id=3)}
    after = test.people(seen, limits(), is_still=False)
    assert [[p.outcome for p in people[:2]] for people in after] == [
        ["fake", "genuine"], ["genuine", "genuine"], ["undecided", "genuine"], ["fake", "genuine"], ["fake", "fake"], ["fake", "undecided"],
    ]  # fmt: skip
    assert after[-1][1].reasons == ("too_small",) and after[-1][1].p_fake is None
    before = [person("fake", 0.9), person("genuine", 0.1, track_id=2), person("undecided", None, track_id=3, frames_judged=0)]
    found = stressed(before, after, "complete", 6, 0.6)
    assert [one.outcome for one in found] == ["fake", "genuine", "undecided", "fake", "fake", "fake"]
    assert [one.name for one in tipping(found, "fake")] == ["h264 28", "downscale 1.25"]
    assert [one.name for one in tipping(found, "genuine", 2)] == ["blur 7", "blur 9"]
    assert all([p.track_id for p in one.people] == [1, 2] for one in found)
    assert stressed(before[2:], after, "complete", 6, 0.6) == ()
