"""One frame after the other: what a scan would find in each, people who are new after a gap, and nothing that grows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from screener import LiveSettings, ScanSettings, Screener
from screener.records import Frame
from screener.runtime.cores import use_cores
from screener.scanning.single_pass import Scanning
from screener.video import Source
from screener.watching.looking import Looker


@pytest.fixture(scope="module")
def loaded(tiny_checkpoint: Path) -> Screener:
    return Screener(LiveSettings(device="cpu", dtype="float32").judging(), tiny_checkpoint)


PORTRAIT = np.ascontiguousarray(astronaut()[:320, 60:380], np.uint8)


def frames(count: int) -> list[Frame]:
    return [Frame(np.roll(PORTRAIT, 2 * number, 1), number / 5, number) for number in range(count)]


def test_what_is_seen_is_what_a_scan_finds(loaded: Screener) -> None:
    looker, scanning = Looker(loaded), Scanning(loaded, Source("a.mp4", "file", "a.mp4", None), None)
    for frame in frames(3):
        (sight,) = looker.look(frame)
        use_cores(1)
        ((crop,),) = scanning._cropper.crops([frame])
        use_cores(loaded.cores)
        (score,) = scanning._scored([crop], scanning._begin([crop]))
        assert sight.score is not None and sight.crop_rgb is not None
        assert (sight.track_id, sight.flaw, sight.face_px) == (1, "", crop.box.size_px)
        assert (sight.score.logit, sight.score.p_fake, sight.score.sharpness) == (score.logit, score.p_fake, score.sharpness)
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
