"""Faces redrawn by decoders: once for each real face, aligned with its original, and kept for repeated runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import labelled_face

from screener.errors import CheckpointError
from screener.settings import AUTOENCODER_PASSES, SWAP_DECODERS
from screener.training.decoders import redrawing
from screener.training.decoders.autoencoder import Autoencoder, load_autoencoder
from screener.training.decoders.drawn_pictures import INDEX, WHOLE_PICTURES, decoded_pairs, finished_decoders
from screener.training.decoders.redrawing import FACES_ALONE, decode_faces
from screener.training.decoders.swap_decoder import SPECS, SwapDecoderSpec

CPU = torch.device("cpu")
FACES = [labelled_face("real", n, side=96) for n in range(3)] + [labelled_face("fake", 9, side=96)]


@pytest.fixture
def autoencoder(tmp_path: Path) -> Path:
    """Two files of the published shape, with random weights that draw something near the middle."""
    torch.manual_seed(0)
    network, folder = Autoencoder(), tmp_path / "autoencoder"
    folder.mkdir()
    with torch.no_grad():
        network.decoder[-1].bias.fill_(0.5)  # type: ignore[union-attr]
    for name in ("encoder", "decoder"):
        torch.save(network.get_submodule(name).state_dict(), folder / f"taef2_{name}.pth")
    return folder


def decode(folder: Path, kinds: dict[str, float], autoencoder: Path = Path(), said: list[str] | None = None) -> None:
    decode_faces(FACES, folder, kinds, autoencoder, CPU, 0, (said if said is not None else []).append)


def test_settings_name_what_there_is() -> None:
    assert AUTOENCODER_PASSES == (WHOLE_PICTURES, FACES_ALONE)
    assert tuple(SPECS) == SWAP_DECODERS
    assert all(spec.size % 16 == 0 for spec in SPECS.values())


def test_real_faces_are_drawn_over_their_originals(tmp_path: Path, autoencoder: Path) -> None:
    decode(tmp_path / "out", {"autoencoder": 0, "face-autoencoder": 0}, autoencoder)
    assert finished_decoders(tmp_path / "out") == ["autoencoder", "face-autoencoder"]
    pairs = decoded_pairs(tmp_path / "out", FACES)
    assert sorted((real.name, copy.method) for real, copy in pairs) == sorted(
        (face.name, kind) for face in FACES[:3] for kind in AUTOENCODER_PASSES
    )
    for real, copy in pairs:
        drawn = copy.picture_rgb
        assert (copy.label, drawn.shape) == ("fake", real.picture_rgb.shape)
        apart = np.abs(drawn.astype(float) - real.picture_rgb).mean(2)
        corner, middle = apart[:8, :8].mean(), apart[40:60, 40:60].mean()
        assert middle > 3
        # The pass over faces leaves what is around the face as it was; JPEG moves it by a little.
        assert (corner < 3) == (copy.method == "face-autoencoder")


def test_a_repeated_run_makes_nothing_again_and_an_interrupted_one_starts_over(tmp_path: Path, autoencoder: Path) -> None:
    decode(tmp_path, {"autoencoder": 0}, autoencoder)
    (first, *_) = sorted((tmp_path / "autoencoder").glob("*.jpg"))
    first.write_bytes(b"kept")
    said: list[str] = []
    decode(tmp_path, {"autoencoder": 0}, autoencoder, said)
    assert (first.read_bytes(), said) == (b"kept", [])
    (tmp_path / "autoencoder" / INDEX).unlink()
    assert finished_decoders(tmp_path) == []
    assert decoded_pairs(tmp_path, FACES) == []
    decode(tmp_path, {"autoencoder": 0}, autoencoder, said)
    assert first.read_bytes() != b"kept"
    assert said == ["autoencoder: 3 faces drawn"]


def test_missing_or_foreign_files_of_the_autoencoder_are_named(tmp_path: Path, autoencoder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"taef2_encoder\.pth: cannot be read as the encoder of TAEF2"):
        load_autoencoder(tmp_path)
    torch.save({"else": torch.zeros(1)}, autoencoder / "taef2_decoder.pth")
    with pytest.raises(CheckpointError, match=r"taef2_decoder\.pth: cannot be read as the decoder of TAEF2"):
        load_autoencoder(autoencoder)


def test_the_autoencoder_keeps_noises_smooths_and_mixes(autoencoder: Path) -> None:
    """Of eight equal pictures some latents are changed and some are not; mixing equal pictures changes nothing."""
    network = load_autoencoder(autoencoder)
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)).expand(8, 3, 32, 32)
    with torch.inference_mode():
        drawn = network(picture, torch.Generator().manual_seed(2))
        again = network(picture, torch.Generator().manual_seed(2), mixed=0.35)
    assert drawn.shape == picture.shape
    assert torch.allclose(drawn, again, atol=1e-5)
    assert 1 < len({tuple(row.flatten()[:64].tolist()) for row in drawn}) < 9


TINY = SwapDecoderSpec(32, 8, code=16)


def test_a_decoder_that_draws_no_faces_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPECS, "swap-96", TINY)
    monkeypatch.setattr(redrawing, "MOST_ERROR", 0.0)
    said: list[str] = []
    decode(tmp_path, {"swap-96": 0.01}, said=said)
    assert finished_decoders(tmp_path) == []
    assert "left out" in said[-1]
    monkeypatch.setattr(redrawing, "MOST_ERROR", 1.0)
    decode(tmp_path, {"swap-96": 0.01}, said=said)
    assert finished_decoders(tmp_path) == ["swap-96"]


def test_aligning_brings_landmarks_to_the_template_and_back() -> None:
    face = labelled_face(side=160)
    crop, matrix = redrawing._aligned(face, 96)
    assert crop.shape == (96, 96, 3) and matrix is not None
    moved = face.landmarks_xy @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(moved - redrawing.TEMPLATE * 96).max() < 0.12 * 96
    aligned = redrawing.Aligned(face, crop, matrix)
    back = redrawing._put_back(aligned, crop, np.random.default_rng(0))
    # What was cut out and put back unchanged is the picture, but for resampling.
    assert np.abs(back.astype(float) - face.picture_rgb).mean() < 4


def test_a_face_whose_landmarks_lie_on_one_point_is_left_out(tmp_path: Path, autoencoder: Path) -> None:
    odd = replace(FACES[0], landmarks_xy=np.full((5, 2), 40, np.float32))
    decode_faces([odd, FACES[1]], tmp_path, {"face-autoencoder": 0}, autoencoder, CPU, 0, lambda _: None)
    assert set(json.loads((tmp_path / "face-autoencoder" / INDEX).read_text())) == {FACES[1].name}
