"""Which codecs can be read here: each is written as a tiny clip if there is an encoder, and read as in a scan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from screener.doctor.findings import Examination, Fault
from screener.doctor.specimen import encode
from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video import file_source, open_video

GREY_LEVELS = (50, 110, 200)
"""One uniform frame each: enough to check number, order and brightness."""

TOLERANCE_LEVELS = 12.0
NEEDED = "h264"


@dataclass(frozen=True)
class Codec:
    """encoders: names of those that can write it, best first. options: to make them fast and silent."""

    encoders: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"


CODECS: dict[str, Codec] = {
    "h264": Codec(("libx264", "libopenh264")),
    "hevc": Codec(("libx265",), {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "vp8": Codec(("libvpx",), {"deadline": "realtime"}),
    "vp9": Codec(("libvpx-vp9",), {"deadline": "realtime"}),
    "av1": Codec(("libsvtav1", "libaom-av1"), {"preset": "12", "cpu-used": "8"}),
    "mpeg4": Codec(("mpeg4",)),
    "mjpeg": Codec(("mjpeg",), pixel_format="yuvj420p"),
}
READERS = {"opencv": "OpenCV", "pyav": "PyAV"}


def examine(examination: Examination, _checkpoint: Path | None, _device: str) -> None:
    """Check which codecs can be read here, and by which reader."""
    advice = "install the readers again: pip install --force-reinstall --no-deps opencv-python av"
    examination.check("codecs", _codecs, advice)


def _codecs() -> str:
    with TemporaryDirectory(prefix="screener-doctor-", ignore_cleanup_errors=True) as folder:
        answers = {name: _answer(name, codec, Path(folder)) for name, codec in CODECS.items()}
    by_answer: dict[str, list[str]] = {}
    for name, (_, answer) in answers.items():
        by_answer.setdefault(answer, []).append(name)
    said = "; ".join(f"{', '.join(names)} {answer}" for answer, names in by_answer.items())
    if not answers[NEEDED][0]:
        raise Fault(f"{NEEDED}, which most video is in, cannot be read: {said}")
    return said


def _answer(name: str, codec: Codec, folder: Path) -> tuple[bool, str]:
    """Whether the codec can be read here, and how, in words."""
    encoder = next((candidate for candidate in codec.encoders if candidate in av.codecs_available), None)
    try:
        if encoder is not None:
            return True, f"read by {_read(name, codec, encoder, folder)}"
        av.Codec(name, "r")
        return True, "not tried (no encoder), but PyAV has a decoder"
    except Exception as error:
        # A failing codec must not hide the others.
        return False, f"cannot be read ({error or type(error).__name__})"


def _read(name: str, codec: Codec, encoder: str, folder: Path) -> str:
    """Write a clip and read it back -> name of the reader. Raises SourceError or Fault if the result differs from what was written."""
    path = folder / f"{name}.mkv"
    with _silent():
        encode(path, [np.full((64, 64, 3), level, np.uint8) for level in GREY_LEVELS], encoder, codec.options, codec.pixel_format)
    with open_video(file_source(path), ScanSettings(all_frames=True)) as video:
        levels = [float(frame.picture_rgb.mean()) for frame in video.frames()]
    if len(levels) != len(GREY_LEVELS):
        raise SourceError("corrupt", f"{len(levels)} of {len(GREY_LEVELS)} frames came back")
    error = float(np.abs(np.subtract(levels, GREY_LEVELS)).max())
    if error > TOLERANCE_LEVELS:
        raise Fault(f"its brightness is off by {error:.0f} grey levels")
    return " and ".join(READERS.get(reader, reader) for reader in video.facts.reader.split("+"))


@contextmanager
def _silent() -> Iterator[None]:
    """Set the variable that keeps SVT-AV1 from printing its settings."""
    before = os.environ.get("SVT_LOG")
    os.environ["SVT_LOG"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SVT_LOG"]
        else:
            os.environ["SVT_LOG"] = before
