"""High dynamic range and wide gamut on a standard screen, against the standards' values and FFmpeg's mapping."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc, Interpolation, VideoReformatter

from screener.video.readers.colours import HLG, KNEE, PQ, WHITE_NITS, as_on_a_screen, hlg_scene, is_ordinary, pq_nits

BT2020 = 9


def frame_of(code: np.ndarray, transfer: int, primaries: int = BT2020) -> av.VideoFrame:
    """A frame whose 16-bit RGB code values are those, (H, W, 3) in [0, 1]."""
    frame = av.VideoFrame.from_ndarray(np.round(code * 65535).astype(np.uint16), format="rgb48le")
    frame.color_trc, frame.color_primaries = transfer, primaries
    return frame


def grey(code: float) -> np.ndarray:
    return np.full((2, 2, 3), code)


def pq_code(nits: float) -> float:
    """The other way round (SMPTE ST 2084, equation 5.2)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = (nits / 10_000) ** m1
    return float(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


@pytest.mark.parametrize(("code", "nits"), [(0.0, 0.0), (0.508, 100.0), (0.5807, 203.0), (0.7518, 1000.0), (1.0, 10_000.0)])
def test_pq_is_that_of_the_standard(code: float, nits: float) -> None:
    assert float(pq_nits(np.array(code))) == pytest.approx(nits, rel=0.01, abs=1e-6)
    assert pq_code(nits) == pytest.approx(code, abs=1e-3)


@pytest.mark.parametrize(("code", "scene"), [(0.0, 0.0), (0.5, 1 / 12), (0.75, 0.2650), (1.0, 1.0)])
def test_hlg_is_that_of_the_standard(code: float, scene: float) -> None:
    assert float(hlg_scene(np.array(code))) == pytest.approx(scene, abs=1e-3)


@pytest.mark.parametrize("nits", [5.0, 20.0, 60.0, 120.0, KNEE * WHITE_NITS])
def test_up_to_the_knee_light_is_kept(nits: float) -> None:
    shown = as_on_a_screen(frame_of(grey(pq_code(nits)), PQ), PQ, BT2020)
    assert shown.dtype == np.uint8 and shown.shape == (2, 2, 3)
    np.testing.assert_allclose(shown, 255 * (nits / WHITE_NITS) ** (1 / 2.4), atol=1)


def test_brighter_light_is_pressed_together_and_stays_in_order() -> None:
    shown = [int(as_on_a_screen(frame_of(grey(pq_code(nits)), PQ), PQ, BT2020)[0, 0, 0]) for nits in (203, 400, 1000, 4000, 10_000)]
    assert shown == sorted(shown) and len(set(shown[:4])) == 4
    assert 225 <= shown[0] <= 245 and shown[-1] == 255


def test_white_paper_is_as_bright_in_both() -> None:
    (hlg,) = {int(value) for value in as_on_a_screen(frame_of(grey(0.75), HLG), HLG, BT2020).ravel()}
    (pq,) = {int(value) for value in as_on_a_screen(frame_of(grey(pq_code(203)), PQ), PQ, BT2020).ravel()}
    assert hlg == pytest.approx(pq, abs=2)


@pytest.mark.parametrize("primaries", [9, 11, 12])
def test_greys_stay_grey_and_colours_become_stronger(primaries: int) -> None:
    shown = as_on_a_screen(frame_of(grey(0.5), 1, primaries), 1, primaries)
    assert np.ptp(shown) <= 1 and shown.mean() == pytest.approx(127.5, abs=1.5)
    red = as_on_a_screen(frame_of(np.full((1, 1, 3), (0.6, 0.4, 0.4)), 1, primaries), 1, primaries)[0, 0].astype(int)
    assert red[0] > 0.6 * 255 and red[1] < 0.4 * 255


def test_a_picture_comes_out_as_ffmpeg_maps_it() -> None:
    """FFmpeg's own mapping is another curve above the knee; below, both are the standard's."""
    rng = np.random.default_rng(0)
    light = np.array([pq_code(nits) for nits in rng.uniform(1, 100, 256)])
    frame = frame_of(np.repeat(light.reshape(16, 16, 1), 3, 2), PQ)
    ours = as_on_a_screen(frame, PQ, BT2020).astype(int)
    wanted = {"dst_color_trc": ColorTrc.BT709, "dst_color_primaries": ColorPrimaries.BT709}
    theirs = VideoReformatter().reformat(frame, format="rgb24", interpolation=Interpolation.BICUBIC, **wanted).to_ndarray()
    assert np.abs(ours - theirs).mean() < 8 and np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


def test_what_needs_no_mapping() -> None:
    assert is_ordinary(1, 1) and is_ordinary(2, 2) and is_ordinary(13, 5)
    assert not any(is_ordinary(*colours) for colours in ((16, 1), (18, 9), (1, 9), (13, 12)))
