"""Decoders as swap tools have them are trained for seconds, and then draw faces."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders import labelled_face

from screener.training.decoders import redrawing, swap_decoder
from screener.training.decoders.swap_decoder import SwapDecoder, SwapDecoderSpec, train_swap_decoder


@pytest.mark.parametrize("spec", [SwapDecoderSpec(32, 16, code=16), SwapDecoderSpec(32, 16, code=0, code_channels=6, is_adversarial=True)])
def test_a_swap_decoder_learns_to_draw_faces(spec: SwapDecoderSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two faces, for as many steps as a clock that does not depend on the machine gives it."""
    now = [0.0]

    def tick() -> float:
        now[0] += 0.02
        return now[0]

    # In that module alone: other threads of the test run look at the clock too, and would use up its steps.
    monkeypatch.setattr(swap_decoder, "time", SimpleNamespace(monotonic=tick))
    crops = [redrawing._aligned(face, 32)[0] for face in [labelled_face("real", n, side=96) for n in range(2)]]
    faces = torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).copy())
    network = train_swap_decoder(spec, faces, 6.0, 4, torch.device("cpu"), 0, lambda _: None)
    plain = faces.float() / 255
    with torch.inference_mode():
        error = (network(plain) - plain).abs().mean()
        untrained = (SwapDecoder(spec)(plain) - plain).abs().mean()
    assert error < 0.8 * untrained


def test_a_decoder_with_a_code_for_each_place_learns_from_parts_first_and_draws_them_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is given and what it has to draw are the same part, apart from the warp."""
    now: list[float] = [0.0]
    seen: list[torch.Tensor] = []

    def tick() -> float:
        now[0] += 0.1
        return now[0]

    def difference(drawn: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
        seen.append(plain)
        return drawn.mean()

    def forward(network: SwapDecoder, faces: torch.Tensor) -> torch.Tensor:
        given.append(faces)
        return network.decode(network.encode(faces))

    given: list[torch.Tensor] = []
    monkeypatch.setattr(swap_decoder, "time", SimpleNamespace(monotonic=tick))
    monkeypatch.setattr(swap_decoder, "_warped", lambda faces: faces)
    monkeypatch.setattr(swap_decoder, "_difference", difference)
    monkeypatch.setattr(SwapDecoder, "forward", forward)
    faces = torch.randint(0, 256, (3, 3, 144, 144), dtype=torch.uint8)
    train_swap_decoder(SwapDecoderSpec(144, 4, code=0, code_channels=2), faces, 1.0, 2, torch.device("cpu"), 0, lambda _: None)
    assert [tuple(one.shape[-2:]) for one in given] == [(96, 96)] * 5 + [(144, 144)] * 5
    assert all(torch.equal(one, other) for one, other in zip(given, seen, strict=True))
    assert len({one[0, 0].sum().item() for one in given[:5]}) > 1
