"""Whether an NVIDIA card decodes video here: a clip is decoded on it and on the CPU, and the pictures are compared."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from screener.doctor.findings import Examination, Fault
from screener.doctor.specimen import encode, make_specimen
from screener.errors import DeviceError
from screener.settings import ScanSettings
from screener.video import file_source, open_video, start_decoder

ENCODERS = ("libx264", "libopenh264")
TOLERANCE_LEVELS = 0
"""H.264's standard defines decoding exactly, and both decoders' planes are converted to colours by the same code."""

_NOT_NEEDED = "not needed: `--decoder cuda` decodes video files on an NVIDIA card; the processor does the same work"
_USE_CPU = "scan without `--decoder cuda`, and update the card's driver and PyAV: pip install --upgrade av"


def examine(examination: Examination, _checkpoint: Path | None, _device: str) -> None:
    """Check whether a card decodes video here, and if so whether its pictures equal the CPU's."""
    examination.check("card decoder", _open, _NOT_NEEDED, optional=True)
    if not examination.findings[-1].advice:  # there is a card, which must then decode correctly
        examination.check("card pictures", _compare, _USE_CPU)


def _open() -> str:
    try:
        start_decoder(ScanSettings(decoder="cuda"))
    except DeviceError as error:
        raise Fault(str(error).removeprefix("decoder cuda: ").partition("; see `screener doctor`")[0]) from error
    return "an NVIDIA card decodes a trial picture"


def _compare() -> str:
    encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
    if encoder is None:
        return "not held against the processor's, for there is no encoder of H.264"
    with TemporaryDirectory(prefix="screener-doctor-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "card.mp4"
        encode(path, make_specimen().genuine, encoder)
        return _compared(path)


def _compared(path: Path) -> str:
    (expected, _), (pictures, reader) = (_read(path, decoder) for decoder in ("cpu", "cuda"))
    if reader != "nvdec":
        raise Fault(f"the card gave up on a clip, which {reader} then read")
    if len(pictures) != len(expected):
        raise Fault(f"{len(pictures)} of {len(expected)} frames came back from the card")
    error = max(int(np.abs(ours.astype(int) - theirs).max()) for ours, theirs in zip(pictures, expected, strict=True))
    if error > TOLERANCE_LEVELS:
        raise Fault(f"the card's pictures differ from the processor's by up to {error} grey levels")
    return f"{len(pictures)} frames of a clip are the same on the card and on the processor"


def _read(path: Path, decoder: str) -> tuple[list[NDArray[np.uint8]], str]:
    """Pictures, and the name of their reader."""
    with open_video(file_source(path), ScanSettings(all_frames=True, decoder=decoder)) as video:
        return [frame.picture_rgb for frame in video.frames()], video.facts.reader
