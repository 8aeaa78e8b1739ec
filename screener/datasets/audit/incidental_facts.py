"""Reads everything about a labelled file that has nothing to do with a forged face: how it is coded, its size, the software that wrote it.

Uses the scan's readers, in their processes. Does not know what the facts say about the labels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from screener.datasets.audit.fingerprints import Fingerprint, fingerprint
from screener.datasets.audit.jpeg_header import PictureHeader, read_picture_header
from screener.datasets.item import LabelledItem
from screener.errors import SourceError
from screener.records import VideoFacts
from screener.settings import ScanSettings
from screener.video import file_source, open_video
from screener.video.container.header import ContainerFacts, read_container_facts

OnProgress = Callable[[int, int], None]
"""Called with (files read, total number of files) after each file."""


@dataclass(frozen=True, eq=False)
class FileFacts:
    """Facts about a file, apart from what it shows.

    failure: why it could not be read, from `errors.REASONS`, or empty; if set, nothing below is known. sha256: of its bytes.
    video: from the reader; its reasons include damage. container: of a video. header: of a picture.
    fingerprint: of the picture, or of the middle frame of a video; None without contrast.
    """

    item: LabelledItem
    failure: str = ""
    sha256: str = ""
    size_bytes: int = 0
    video: VideoFacts = field(default_factory=VideoFacts)
    container: ContainerFacts = field(default_factory=ContainerFacts)
    header: PictureHeader = field(default_factory=PictureHeader)
    fingerprint: Fingerprint | None = None


Value = float | str | None


@dataclass(frozen=True)
class Fact:
    """One property of a file. words: its description. value: a number, a word, or None if the file does not have it."""

    words: str
    value: Callable[[FileFacts], Value]


FACTS: dict[str, Fact] = {
    "container": Fact("the container", lambda file: "picture" if file.video.is_still else file.container.container or None),
    "codec": Fact("the codec", lambda file: file.video.codec or None),
    "profile": Fact("the codec's profile", lambda file: file.container.profile or None),
    "sampling": Fact("the chroma subsampling", lambda file: file.header.sampling or file.container.pixel_format or None),
    "pixels": Fact("the resolution", lambda file: float(_pixels(file)) or None),
    "shape": Fact("the ratio of width to height", lambda file: _ratio(*file.video.size_wh)),
    "frame_rate": Fact("the frame rate", lambda file: round(file.video.fps, 2) or None),
    "duration": Fact("the duration", lambda file: round(file.video.duration_seconds, 2) or None),
    "file_size": Fact("the file size", lambda file: float(file.size_bytes)),
    "bits_per_pixel": Fact(
        "the number of bits per pixel", lambda file: _ratio(8 * file.size_bytes, _pixels(file) * max(1, file.video.frames_decoded))
    ),
    "jpeg_quality": Fact("the JPEG quality", lambda file: None if file.header.quality is None else float(file.header.quality)),
    "jpeg_tables": Fact("the set of JPEG quantisation tables", lambda file: file.header.tables or None),
    "jpeg_progressive": Fact(
        "progressive JPEG coding", lambda file: {True: "progressive", False: "baseline", None: None}[file.header.progressive]
    ),
    "sound": Fact("the sound track", lambda file: file.container.sound or None),
    "software": Fact("the software that wrote the file", lambda file: file.header.software or file.container.software or None),
}
"""All facts that must not tell the label, by name."""


def read_all(items: Sequence[LabelledItem], readers: int, on_progress: OnProgress | None = None) -> list[FileFacts]:
    """The facts of every item, in order, read by several threads; a file that cannot be read has a `failure`."""
    pool = ThreadPoolExecutor(max(1, min(readers, os.cpu_count() or 1)))
    try:
        return list(_counted(pool.map(read_facts, items), len(items), on_progress))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _counted(files: Iterator[FileFacts], total: int, on_progress: OnProgress | None) -> Iterator[FileFacts]:
    for done, file in enumerate(files, 1):
        if on_progress is not None:
            on_progress(done, total)
        yield file


def read_facts(item: LabelledItem) -> FileFacts:
    """Decode a file and collect its facts; only its middle frame is examined."""
    try:
        with closing(open_video(file_source(item.path, item.name), ScanSettings(frames=1))) as video:
            prints = [fingerprint(frame.picture_rgb) for frame in video.frames()]
            facts = video.facts
        return FileFacts(
            item,
            sha256=_digest(item),
            size_bytes=item.path.stat().st_size,
            video=facts,
            container=ContainerFacts() if facts.is_still else read_container_facts(item.path, item.name),
            header=read_picture_header(item.path) if facts.is_still else PictureHeader(),
            fingerprint=next(iter(prints), None),
        )
    except SourceError as error:
        return FileFacts(item, failure=error.reason)
    except OSError:
        return FileFacts(item, failure="permission")


def _digest(item: LabelledItem) -> str:
    with item.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pixels(file: FileFacts) -> int:
    return file.video.size_wh[0] * file.video.size_wh[1]


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
