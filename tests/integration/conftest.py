"""Media, weights and loaded models shared by the integration tests, which must not change them."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import tiny_contract, tiny_network
from command_line import JUDGED_FRAMES, NEVER_DECIDES, PASSES_ALL
from face_media import FRAMES, landscape, pair, portrait, write_clip, write_picture

from screener import ScanSettings, Screener
from screener.checkpoint import Calibration, OperatingPoint, save_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, calibrated so that the two people of these tests score on either side of 0.5 and a tolerance means something."""
    folder = tmp_path_factory.mktemp("weights")
    bare, calibrated = folder / "bare.safetensors", folder / "tiny.safetensors"
    state = tiny_network().state_dict()
    points = (OperatingPoint(0.05, 0.6, 0.4, 100, 100), OperatingPoint(NEVER_DECIDES, 1.0, 0.0, 100, 100))
    save_checkpoint(bare, tiny_contract(operating_points=points), state)
    both = Screener(ScanSettings(device="cpu", dtype="float32"), bare).scan(write_picture(folder / "pair.png", pair(FRAMES // 2)))
    one, other = (score.logit for score in both.frames)
    temperature = max(abs(one - other), 0.2)
    calibration = Calibration(temperature, -(one + other) / 2 / temperature)
    save_checkpoint(calibrated, tiny_contract(calibration=calibration, operating_points=points), state)
    return calibrated


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `one.mp4` and `face.png`, in which one person is seen, `pair.mp4` with two, and `notes.txt`."""
    folder = tmp_path_factory.mktemp("media")
    write_clip(folder / "one.mp4")
    write_clip(folder / "pair.mp4", pair)
    write_picture(folder / "face.png", portrait())
    (folder / "notes.txt").write_text("no picture at all\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def loaded(checkpoint: Path) -> Screener:
    """Loaded models whose threshold lets every face of these tests pass as genuine."""
    return Screener(ScanSettings(frames=JUDGED_FRAMES, threshold=PASSES_ALL, device="cpu", dtype="float32"), checkpoint)


@pytest.fixture
def inputs(media: Path, tmp_path: Path) -> Path:
    """A folder of media, pictures, and a text with the name of a video."""
    folder = tmp_path / "in"
    folder.mkdir()
    for path in media.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "text.mp4").write_text("no video\n" * 30)
    for number in range(6):
        write_picture(folder / f"{number}.png", portrait(number) if number % 2 else landscape(128 + number))
    return folder
