"""Facts read from files made on the spot: pictures, videos, and what cannot be read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from builders import portrait
from PIL import Image

from screener.datasets.audit import audit
from screener.datasets.audit.fingerprints import fingerprint
from screener.datasets.audit.incidental_facts import FACTS, read_all, read_facts

from .files import item


def write_picture(path: Path, seed: int = 0) -> Path:
    Image.fromarray(portrait(seed, 64)).save(path, quality=83, subsampling=0)
    return path


def write_clip(path: Path, frames: int = 9) -> Path:
    """Each frame another portrait."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=5, options={"crf": "10"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(portrait(number, 64), format="rgb24")))
        output.mux(stream.encode())
    return path


def test_a_picture(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.jpg")
    facts = read_facts(item("a.jpg", path=path))
    found = {name: fact.value(facts) for name, fact in FACTS.items()}
    assert (facts.failure, facts.sha256, facts.size_bytes) == ("", hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert (found["codec"], found["sampling"], found["jpeg_quality"], found["pixels"]) == ("mjpeg", "4:4:4", 83.0, 4096.0)
    assert found["bits_per_pixel"] == pytest.approx(8 * path.stat().st_size / 4096, abs=1e-4)


def test_a_video_and_the_frame_in_its_middle(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    facts = read_facts(item("a.mp4", path=path))
    found = {name: fact.value(facts) for name, fact in FACTS.items()}
    assert (found["container"], found["codec"], found["sampling"], found["sound"]) == ("mov/mp4", "h264", "yuv420p", "none")
    assert (found["frame_rate"], found["duration"], found["pixels"]) == (5.0, 1.8, 4096.0)
    assert found["bits_per_pixel"] == pytest.approx(8 * path.stat().st_size / (9 * 4096), abs=1e-4)
    middle = fingerprint(portrait(4, 64))
    assert facts.fingerprint is not None and middle is not None
    assert (facts.fingerprint.picture_hash ^ middle.picture_hash).bit_count() <= 4
    assert str(found["software"]).startswith("Lavf")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"", "empty"),
        ("a.jpg", b"\xff\xd8\xff\xe0 cut", "corrupt"),
        ("a.mp4", b"text\n", "not_media"),
        ("a.mp4", None, "not_found"),
    ],
)
def test_what_cannot_be_read_is_a_failure_with_its_reason(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert read_facts(item(name, path=tmp_path / name)).failure == reason


def test_a_folder_in_place_of_a_file_is_a_failure(tmp_path: Path) -> None:
    assert read_facts(item("a", path=tmp_path)).failure == "not_regular"


def test_files_keep_their_order_and_each_is_reported(tmp_path: Path) -> None:
    items = [item(f"{n}.jpg", path=write_picture(tmp_path / f"{n}.jpg", n)) for n in range(12)]
    told: list[tuple[int, int]] = []
    files = read_all(items, 3, lambda done, total: told.append((done, total)))
    assert [file.item.name for file in files] == [one.name for one in items]
    assert told == [(n, 12) for n in range(1, 13)]


def test_an_interrupt_ends_the_reading(tmp_path: Path) -> None:
    items = [item(f"{n}.jpg", path=write_picture(tmp_path / f"{n}.jpg", n)) for n in range(40)]
    seen = []

    def interrupt(done: int, total: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(items, on_progress=interrupt)
    assert seen == [1]


def test_a_black_video_has_no_fingerprint(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    assert read_facts(item("a.png", path=tmp_path / "a.png")).fingerprint is None
