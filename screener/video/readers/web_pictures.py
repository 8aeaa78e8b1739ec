"""A picture at an http(s) address, read like the same picture in a file; and error messages for addresses that send something unreadable.

FFmpeg would turn a picture into a video of one frame, and drop all but the first frame of an animation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import av
from av.container import InputContainer
from av.error import FFmpegError

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.gate import HEAD_BYTES, check_file
from screener.video.ledger import Complaints
from screener.video.readers.animations import AnimationDecoding, GifDecoding
from screener.video.readers.pictures import StillDecoding
from screener.video.readers.reader import Decoding
from screener.video.remote.fetching import download, is_web, look
from screener.video.remote.reaching import UrlGuard

MOST_BYTES = 256 << 20
MOST_SECONDS = 20.0
"""A server that is still sending after this long does not send a picture."""

_DESCRIPTORS = Path("/proc/self/fd")
"""Open files of this process by their numbers; on Linux."""

_STILL_BRANDS = frozenset({"avif", "avis", "heic", "heix", "heim", "heis", "mif1", "msf1"})
PICTURES: dict[str, Callable[[Path, str, ScanSettings, Complaints, Callable[[], None]], Decoding]] = {
    "picture": StillDecoding,
    "animation": AnimationDecoding,
    "gif": GifDecoding,
}
"""Decodings for picture files, by their kind as told by `container.gate`."""

MULTIPART = (
    "not_media",
    "the server sends a series of pictures (multipart) that does not begin with its boundary, so that it cannot be taken apart; ask the "
    "camera for another stream, such as rtsp or H.264",
)


class IsPicture(Exception):
    """The address sends a picture file, not a video."""


def is_picture(container: InputContainer) -> bool:
    """Whether the opened container is a single picture, or a picture format that holds several."""
    name = container.format.name
    return name.endswith("_pipe") or name in ("image2", "gif") or container.metadata.get("major_brand", "").strip().lower() in _STILL_BRANDS


def explained(error: FFmpegError, reach: UrlGuard | None, name: str, timeout_seconds: float) -> SourceError | IsPicture | None:
    """The error for an address that FFmpeg could not open; None if FFmpeg's own message is the best there is."""
    if reach is None or not is_web(reach.address) or not isinstance(error, (av.error.ArgumentError, av.error.InvalidDataError)):
        return None
    answer = look(reach, timeout_seconds, HEAD_BYTES)
    if answer is None:
        return None
    if answer.content_type.startswith("multipart/"):
        return SourceError(MULTIPART[0], f"{name}: {MULTIPART[1]}")
    return IsPicture() if _kind_of(answer.head) in PICTURES else None


def web_picture(address: str, name: str, settings: ScanSettings, complaints: Complaints, timeout_seconds: float) -> Decoding | None:
    """Download and open the picture at an address; None if it does not come to an end. Raises SourceError."""
    reach = UrlGuard(address, name, settings.allow_private, timeout_seconds, settings.max_download_bytes)
    with ExitStack() as open_until_told:
        file, path = open_until_told.enter_context(_scratch_file())
        try:
            most = min(MOST_BYTES, settings.max_download_bytes)
            if not download(reach, file, name, timeout_seconds, most, MOST_SECONDS):
                return None
            kind = PICTURES.get(check_file(path, name))
            if kind is None:
                return None
            return _Downloaded(kind(path, name, settings, complaints, lambda: None), open_until_told.pop_all())
        finally:
            reach.close()


class _Downloaded:
    """A decoding and the file that it reads, which is gone once its last frame was given out."""

    def __init__(self, decoding: Decoding, file: ExitStack) -> None:
        self._decoding, self._file = decoding, file
        self.ledger, self.expected_frames = decoding.ledger, decoding.expected_frames

    def steps(self) -> Iterator[Frame | None]:
        with self._file:
            yield from self._decoding.steps()


@contextmanager
def _scratch_file() -> Iterator[tuple[IO[bytes], Path]]:
    """An empty file, and a path by which it can be opened. Where the system allows, it has no name, so that nothing is left of it however
    this process ends.
    """
    if _DESCRIPTORS.is_dir():
        with tempfile.TemporaryFile() as file:
            yield file, _DESCRIPTORS / str(file.fileno())
    else:
        with tempfile.NamedTemporaryFile() as named:
            yield named, Path(named.name)


def _kind_of(head: bytes) -> str:
    with _scratch_file() as (file, path):
        file.write(head)
        file.flush()
        try:
            return check_file(path)
        except SourceError:
            return ""
