"""Frame by frame: the same faces as in a scan, new people after a gap, and bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from screener import LiveSettings, ScanSettings, Screener
from screener.records import FaceCrop, FaceScore, Frame
from screener.scanning.cropping import Glances
from screener.scanning.stages import Course, Stages
from screener.verdict.evidence import TellingCrops
from screener.watching.looking import Looker


@pytest.fixture(scope="module")
def loaded(tiny_checkpoint: Path) -> Screener:
    return Screener(LiveSettings(device="cpu", dtype="float32").judging(), tiny_checkpoint)


PORTRAIT = np.ascontiguousarray(astronaut()[:320, 60:380], np.uint8)


def frames(count: int) -> list[Frame]:
    return [Frame(np.roll(PORTRAIT, 2 * number, 1), number / 5, number) for number in range(count)]


class Played:
    """Frames as an opened video gives them."""

    expected_frames = None

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = frames

    def frames(self) -> Iterator[Frame]:
        return iter(self._frames)

    def close(self) -> None:
        pass


def scanned(loaded: Screener, seen: list[Frame]) -> list[tuple[FaceScore, FaceCrop]]:
    """What the stages of a scan make of the frames."""
    cropper, cut = loaded.new_cropper(), []

    def crops_of(glances: Glances) -> list[list[FaceCrop]]:
        found = cropper.followed(glances)
        cut.extend(crop for crops in found for crop in crops)
        return found

    stages = Stages(loaded, cropper, TellingCrops(0), Course(crops_of, lambda looked_at, expected: None))
    scores = list(stages.run(Played(seen)))  # type: ignore[arg-type]
    return list(zip(scores, cut, strict=True))


def test_what_is_seen_is_what_a_scan_finds(loaded: Screener) -> None:
    looker = Looker(loaded)
    for frame, (score, crop) in zip(frames(3), scanned(loaded, frames(3)), strict=True):
        (sight,) = looker.look(frame)
        assert sight.score is not None and sight.crop_rgb is not None
        assert (sight.track_id, sight.flaw, sight.face_px) == (1, "", crop.box.size_px)
        # One face at a time and three together: on some processors their scores agree to six digits only.
        assert (sight.score.logit, sight.score.p_fake, sight.score.sharpness) == pytest.approx(
            (score.logit, score.p_fake, score.sharpness), rel=1e-4
        )
        assert np.array_equal(sight.box_xyxy, score.box_xyxy) and np.array_equal(sight.crop_rgb, crop.crop_rgb)
        assert sight.box_xyxy.dtype == np.float32


@pytest.mark.parametrize(("changes", "flaw"), [({"min_face_px": 2000}, "too_small"), ({"min_sharpness": 1e9}, "too_blurred")])
def test_a_face_that_cannot_be_judged_is_seen_all_the_same(tiny_checkpoint: Path, changes: dict[str, float], flaw: str) -> None:
    settings = ScanSettings(all_frames=True, device="cpu", dtype="float32", **changes)  # type: ignore[arg-type]
    (sight,) = Looker(Screener(settings, tiny_checkpoint)).look(frames(1)[0])
    assert (sight.track_id, sight.flaw, sight.score, sight.crop_rgb) == (1, flaw, None, None)
    assert sight.face_px == pytest.approx(min(np.ptp(sight.box_xyxy[::2]), np.ptp(sight.box_xyxy[1::2])))


def test_whoever_comes_after_a_gap_is_someone_new_and_nobody_is_remembered(loaded: Screener) -> None:
    looker = Looker(loaded)
    found = []
    for frame in frames(2):
        found += [looker.look(frame)[0].track_id, looker.look(frame)[0].track_id]
        looker.start_segment()
    assert found == [1, 1, 2, 2]
    assert looker.look(Frame(np.zeros((64, 64, 3), np.uint8), 0.0, 0)) == []
    assert looker._cropper.sightings == {}
