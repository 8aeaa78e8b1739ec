"""Chooses the decoding for an input by its kind. Further facts about a video file are handled by `container.policy`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from screener.settings import ScanSettings
from screener.video.container.gate import check_file
from screener.video.ledger import Complaints
from screener.video.readers.pictures import SequenceDecoding
from screener.video.readers.reader import Decoding
from screener.video.readers.sequential import FileDecoding
from screener.video.readers.spread import SpreadDecoding
from screener.video.readers.streams import TIMEOUT_SECONDS, StreamDecoding
from screener.video.readers.web_pictures import PICTURES, IsPicture, web_picture
from screener.video.seek_plan import SeekPlan
from screener.video.sources import Source

Alive = Callable[[], None]

_FILES: dict[str, Callable[[Path, str, ScanSettings, Complaints, Alive], Decoding]] = {
    **PICTURES,
    "video": FileDecoding,
}
"""By kind of file, see `container.gate`."""


def decode(
    source: Source,
    settings: ScanSettings,
    complaints: Complaints | None = None,
    alive: Alive = lambda: None,
    look: SeekPlan | None = None,
) -> Decoding:
    """Open an input in this process. alive: called now and then while that takes long. Raises SourceError.

    look: decode only these parts of a video file, if possible.
    """
    complaints = complaints or Complaints()
    if isinstance(source.target, tuple):
        return SequenceDecoding(source.target, source.name, settings, complaints)
    if source.path is None:
        target = os.fsdecode(source.target) if isinstance(source.target, bytes) else source.target
        return _stream(target, source.name, settings, complaints)
    kind = check_file(source.path, source.name)
    if kind == "video" and look is not None:
        spread = SpreadDecoding(source.path, source.name, settings, complaints, look, alive)
        if spread.can_seek:
            return spread
        spread.close()
        return FileDecoding(source.path, source.name, settings, complaints, alive, spread.facts_of_all)
    return _FILES[kind](source.path, source.name, settings, complaints, alive)


def _stream(target: str | int, name: str, settings: ScanSettings, complaints: Complaints) -> Decoding:
    """Open a camera or an address; a picture at an address is read like one in a file."""
    try:
        return StreamDecoding(target, name, settings, complaints)
    except IsPicture:
        complaints.new()  # drop the messages of trying to open it as a video
        picture = web_picture(str(target), name, settings, complaints, TIMEOUT_SECONDS)
        return picture or StreamDecoding(target, name, settings, complaints, takes_pictures=True)
