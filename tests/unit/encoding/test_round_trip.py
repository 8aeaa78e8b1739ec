"""Frames through codecs and back: the wanted ones in their order, colours kept, every run the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from builders import portrait

from screener.encoding.round_trip import DECODERS, Encoding, encode_and_decode

FIXED = {
    "libvpx": {"qmin": "20", "qmax": "20", "b": "9M"},
    "libvpx-vp9": {"crf": "20", "b": "0"},
    "libx265": {"x265-params": "log-level=none"},
}


def numbered(count: int, side: int = 64) -> list[np.ndarray]:
    """Each frame is a grey of its own, darker than the next."""
    return [np.full((side, side, 3), 20 + 12 * n, np.uint8) for n in range(count)]


@pytest.mark.parametrize("encoder", list(DECODERS))
def test_the_wanted_frames_come_back_in_their_order(encoder: str) -> None:
    encoding = Encoding(encoder, FIXED.get(encoder, {}))
    frames = numbered(9)
    found = encode_and_decode(frames, encoding, [7, 2, 5])
    assert [picture.shape for picture in found] == [(64, 64, 3)] * 3
    for picture, number in zip(found, (7, 2, 5), strict=True):
        assert float(picture.mean()) == pytest.approx(float(frames[number].mean()), abs=5)


def test_colours_stay_what_they_are() -> None:
    """Red, green and blue patches through a light encoding: channels in order, range kept."""
    picture = np.zeros((64, 64, 3), np.uint8)
    for channel, x in enumerate((0, 20, 40)):
        picture[:, x : x + 20, channel] = 220
    (out,) = encode_and_decode([picture] * 3, Encoding("libx264", {"crf": "12"}), [2])
    for channel, x in enumerate((10, 30, 50)):
        colour = out[20:40, x - 4 : x + 4].mean((0, 1))
        assert colour[channel] == pytest.approx(220, abs=8)
        assert np.delete(colour, channel).max() < 12


def test_two_runs_give_the_same_pixels() -> None:
    frames = [cv2.GaussianBlur(portrait(n, 80), (0, 0), 1.0) for n in range(4)]
    encoding = Encoding("libx264", {"crf": "25"})
    assert np.array_equal(encode_and_decode(frames, encoding, [3])[0], encode_and_decode(frames, encoding, [3])[0])


@pytest.mark.parametrize("encoder", list(DECODERS))
def test_small_pictures_keep_their_size_and_harm_no_memory(encoder: str) -> None:
    noise = np.random.default_rng(0)
    for height, width in ((20, 44), (36, 98), (62, 34), (20, 42)) * 8:
        frames = [noise.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(5)]
        (found,) = encode_and_decode(frames, Encoding(encoder, FIXED.get(encoder, {})), [4])
        assert found.shape == (height, width, 3)
        assert abs(float(found.mean()) - float(frames[4].mean())) < 12
