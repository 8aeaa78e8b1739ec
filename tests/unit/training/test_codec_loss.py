"""Random encodings: in the right proportions, all valid, and stronger ones lose more."""

from __future__ import annotations

import numpy as np
import pytest
from builders import portrait

from screener.encoding.round_trip import DECODERS, encode_and_decode
from screener.training.codec_loss import SHARES, draw


def test_encoders_are_drawn_in_their_shares() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(rng, 0.5).encoder for _ in range(2000)]
    for encoder, share in SHARES.items():
        assert drawn.count(encoder) / 2000 == pytest.approx(share, abs=0.03)
    assert sum(SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize("encoder", list(DECODERS))
def test_every_drawn_encoding_works_and_harder_ones_lose_more(encoder: str) -> None:
    frames = [np.ascontiguousarray(np.roll(portrait(1, 96), n, 1)) for n in range(5)]
    errors = []
    for hardness in (0.0, 1.0):
        rng = np.random.default_rng(2)
        drawn = [encoding for encoding in (draw(rng, hardness) for _ in range(300)) if encoding.encoder == encoder][:6]
        (out, *_), *_ = lost = [encode_and_decode(frames, encoding, [4]) for encoding in drawn]
        assert out.shape == frames[4].shape
        errors.append(np.mean([np.abs(found.astype(float) - frames[4]).mean() for (found,) in lost]))
    assert 0 < errors[0] < errors[1] < 25


def test_encoders_are_those_that_can_be_decoded() -> None:
    assert set(SHARES) == set(DECODERS)
