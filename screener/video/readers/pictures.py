"""Still pictures, and numbered series of them.

OpenCV decodes them and rotates them by their EXIF data; AVIF, which OpenCV does not rotate, is decoded by Pillow. A picture that cannot be
decoded completely is not delivered.
"""

from __future__ import annotations

import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.gate import check_file
from screener.video.container.opening import check_pixels
from screener.video.ledger import Complaints, Ledger
from screener.video.readers.more_pictures import holds_more
from screener.video.readers.picture_ends import is_cut
from screener.video.readers.pillow_errors import PILLOW_ERRORS
from screener.video.readers.upright import bgr_as_rgb
from screener.video.sampling import Sampler, Sampling, chosen_seconds
from screener.video.sources import printable_name

SEQUENCE_FPS = 25.0
_LARGEST_FILE_BYTES = 1 << 30


class StillDecoding:
    """One still picture, as one frame at 0.0 s. Raises SourceError at construction if it cannot be decoded."""

    expected_frames: int | None = 1

    def __init__(
        self, path: Path, shown_name: str, settings: ScanSettings, complaints: Complaints, alive: Callable[[], None] = lambda: None
    ) -> None:
        complaints.new()
        data = read_bytes(path, shown_name)
        self._picture = decode_picture(data, shown_name, settings.max_pixels)
        if complaints.new():
            raise SourceError("corrupt", f"{shown_name}: the picture is damaged")
        height, width = self._picture.shape[:2]
        self.ledger = Ledger(size_wh=(width, height), codec=codec_of(path), reader=_reader_of(data), is_still=True, frames_promised=1)
        if complaints.were_harmless:
            self.ledger.warn("harmless_complaints")
        _note_more(self.ledger, data)

    def steps(self) -> Iterator[Frame | None]:
        """Yield the picture as a frame at 0.0 s."""
        self.ledger.frames_decoded = self.ledger.frames_sampled = 1
        yield Frame(self._picture, 0.0, 0)


class SequenceDecoding:
    """Pictures in order as a video of 25 frames per second. A picture that cannot be read is counted as lost, and the next one follows."""

    def __init__(self, paths: tuple[Path, ...], shown_name: str, settings: ScanSettings, complaints: Complaints) -> None:
        self._paths = paths
        self._name = shown_name
        self._settings = settings
        self._complaints = complaints
        limit = settings.time_limit_seconds
        self._deadline = None if limit is None else time.monotonic() + limit
        self._seconds = np.arange(len(paths)) / SEQUENCE_FPS
        self._targets = chosen_seconds(self._seconds, len(paths) / SEQUENCE_FPS, Sampling.from_settings(settings))
        self._errors: list[SourceError] = []
        self.expected_frames: int | None = len(self._targets)
        self.ledger = Ledger(
            duration_seconds=len(paths) / SEQUENCE_FPS,
            fps=SEQUENCE_FPS,
            codec=codec_of(paths[0]),
            reader="opencv",
            frames_promised=len(paths),
        )
        self.ledger.warn("picture_series")

    def steps(self) -> Iterator[Frame | None]:
        """Decode the pictures that are judged and check the headers of the others; the next one replaces a picture that cannot be read."""
        selector = Sampler(self._targets)
        owed = False
        for index, (path, seconds) in enumerate(zip(self._paths, self._seconds, strict=True)):
            if self._deadline is not None and time.monotonic() > self._deadline:
                self.ledger.note("limit_time")
                break
            owed |= selector.wants(float(seconds))
            picture = self._picture(path, decode=owed)
            owed &= picture is None
            yield None if picture is None else Frame(picture, float(seconds), index)
        if not self.ledger.frames_decoded and self._errors:
            raise self._errors[0]

    def _picture(self, path: Path, decode: bool) -> NDArray[np.uint8] | None:
        try:
            # What seems to be cut or no picture is decoded to know, wanted or not.
            is_doubtful = check_file(path) not in ("picture", "animation") or _is_cut(path)
            picture = self._decoded(path) if decode or is_doubtful else None
        except SourceError as error:
            self._errors.append(error)
            self._note_damage("limit_pixels" if error.reason == "limit_pixels" else "corrupt")
            return None
        if self._complaints.new():
            self._note_damage("corrupt")
            return None
        if picture is not None and decode:
            self._note_picture(picture.shape[1], picture.shape[0])
        return picture if decode else None

    def _decoded(self, path: Path) -> NDArray[np.uint8]:
        shown_name = printable_name(os.fspath(path))
        data = read_bytes(path, shown_name)
        picture = decode_picture(data, shown_name, self._settings.max_pixels)
        _note_more(self.ledger, data)
        return picture

    def _note_damage(self, reason: str) -> None:
        self.ledger.decode_errors += 1
        self.ledger.note(reason)

    def _note_picture(self, width: int, height: int) -> None:
        ledger = self.ledger
        if not ledger.frames_decoded:
            ledger.size_wh = (width, height)
        elif (width, height) != ledger.size_wh:
            ledger.warn("resolution_change")
        ledger.frames_decoded += 1
        ledger.frames_sampled += 1


def _is_cut(path: Path) -> bool:
    try:
        return is_cut(path)
    except OSError as error:
        raise SourceError("permission", f"{printable_name(os.fspath(path))}: the file cannot be read: {error.strerror}") from error


def _note_more(ledger: Ledger, data: NDArray[np.uint8]) -> None:
    """Say it if a file holds more than the picture that was decoded."""
    if holds_more(data.tobytes()):
        ledger.warn("second_part")
        ledger.note("unread_part")


def decode_picture(data: NDArray[np.uint8], shown_name: str, max_pixels: int) -> NDArray[np.uint8]:
    """The bytes of a picture file -> (H, W, 3) uint8 RGB, upright. Raises SourceError."""
    check_header(data, shown_name, max_pixels)
    if _is_avif(data):
        return next(pillow_frames(data, shown_name, max_pixels))[0]
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise SourceError("corrupt", f"{shown_name}: the picture cannot be decoded: {error.err}") from error
    if picture is None:
        if data[4:8].tobytes() == b"ftyp":
            raise SourceError("unsupported_codec", f"{shown_name}: no reader here decodes this picture; convert it to PNG or JPEG")
        raise SourceError("corrupt", f"{shown_name}: the picture is damaged or cut short")
    check_pixels(picture.shape[1], picture.shape[0], max_pixels, shown_name)
    return bgr_as_rgb(picture)


def pillow_frames(data: NDArray[np.uint8], shown_name: str, max_pixels: int) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """(H, W, 3) uint8 RGB of each picture, upright, and how many seconds it is shown, through Pillow. Raises SourceError."""
    try:
        with Image.open(io.BytesIO(data.tobytes())) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                check_pixels(*image.size, max_pixels, shown_name)
                upright = ImageOps.exif_transpose(image).convert("RGB")
                yield np.asarray(upright, np.uint8), float(image.info.get("duration", 0)) / 1000
    except SourceError:
        raise
    except PILLOW_ERRORS as error:
        raise SourceError("corrupt", f"{shown_name}: the picture is damaged: {error}") from error


def _is_avif(data: NDArray[np.uint8]) -> bool:
    return data[4:8].tobytes() == b"ftyp" and data[8:11].tobytes() == b"avi"


def _reader_of(data: NDArray[np.uint8]) -> str:
    return "pillow" if _is_avif(data) else "opencv"


def read_bytes(path: Path, shown_name: str) -> NDArray[np.uint8]:
    """(n,) uint8: all bytes of a picture file. Raises SourceError if it cannot be read or is too large."""
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise SourceError("limit_pixels", f"{shown_name}: a picture file of over {_LARGEST_FILE_BYTES} bytes is not read")
        return np.fromfile(os.fsencode(path), dtype=np.uint8)
    except SourceError:
        raise
    except OSError as error:
        raise SourceError("permission", f"{shown_name}: the file cannot be read: {error.strerror}") from error


def codec_of(path: Path) -> str:
    """Name of a picture file's codec, from its first bytes, else from its suffix."""
    with open(path, "rb") as file:
        head = file.read(16)
    for name, (offset, magic) in _MAGIC.items():
        if head[offset : offset + len(magic)] == magic:
            return name
    return path.suffix.lower().lstrip(".")


_MAGIC = {"png": (1, b"PNG"), "mjpeg": (0, b"\xff\xd8"), "webp": (8, b"WEBP"), "bmp": (0, b"BM"), "avif": (8, b"avi")}


def check_header(data: NDArray[np.uint8], shown_name: str, max_pixels: int) -> None:
    """Check the size in a picture's header against the limit, if the header is readable. Raises SourceError `limit_pixels`."""
    head = data[: 1 << 20].tobytes()
    for magic, size in _SIZES.items():
        if head.startswith(magic):
            try:
                width, height = size(head)
            except (struct.error, ValueError):
                return  # the header is damaged; decoding will report it
            check_pixels(width, height, max_pixels, shown_name)


def _png_size(head: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _jpeg_size(head: bytes) -> tuple[int, int]:
    """Size from the frame header, found by walking the segments (ITU-T T.81, B.2.2)."""
    position = 2
    while position + 9 < len(head):
        marker = head[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, position + 5)
            return width, height
        position += 2 + struct.unpack_from(">H", head, position + 2)[0]
    raise ValueError("no frame header")


def _webp_size(head: bytes) -> tuple[int, int]:
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


def _bmp_size(head: bytes) -> tuple[int, int]:
    if head[14:18] == b"\x0c\0\0\0":
        width, height = struct.unpack_from("<HH", head, 18)
    else:
        width, height = struct.unpack_from("<ii", head, 18)
    return abs(width), abs(height)


_SIZES: dict[bytes, Callable[[bytes], tuple[int, int]]] = {
    b"\x89PNG": _png_size,
    b"\xff\xd8": _jpeg_size,
    b"RIFF": _webp_size,
    b"BM": _bmp_size,
}
