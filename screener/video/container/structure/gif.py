"""GIF: the chain of blocks up to the trailer (GIF89a, appendix B). A GIF says nowhere how many pictures it holds; they are counted here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL = 0xF9
_LABELS = frozenset({0x01, _CONTROL, 0xFE, 0xFF})
_PICTURE_LIMIT = 8_000_000


@dataclass
class GifBlocks:
    """delays: of each picture, in hundredths of a second; 0 where none is given. faults: of the chain. is_cut: it ends before its trailer.
    goes_on: something lies behind the trailer that is no padding."""

    delays: list[int] = field(default_factory=list)
    faults: int = 0
    is_cut: bool = True
    goes_on: bool = False


def read_blocks(file: BinaryIO, alive: Callable[[], None] = lambda: None) -> GifBlocks:
    """alive: called for each block."""
    found, delay = GifBlocks(), 0
    header = file.read(13)
    if len(header) == 13:
        _skip_colours(file, header[10])
    while (kind := file.read(1)) and len(found.delays) < _PICTURE_LIMIT:
        alive()
        if kind[0] == _TRAILER:
            found.is_cut, found.goes_on = False, bool(file.read(64).strip(b"\0"))
            break
        if kind[0] == _EXTENSION:
            delay = _extension(file, found, delay)
        elif kind[0] == _PICTURE:
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            _skip_colours(file, descriptor[8])
            width = file.read(1)
            if not width:
                break
            found.faults += not 2 <= width[0] <= 11
            found.delays.append(delay)
            delay = 0
        else:
            found.faults += 1
        if found.faults:
            break
        _skip_blocks(file)
    return found


def _extension(file: BinaryIO, found: GifBlocks, delay: int) -> int:
    """The delay for the next picture, which one kind of extension gives."""
    label = file.read(1)
    found.faults += bool(label) and label[0] not in _LABELS
    if label[:1] != bytes([_CONTROL]):
        return delay
    start = file.tell()
    control = file.read(5)
    file.seek(start)
    return int.from_bytes(control[2:4], "little")


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << (flags & 7) + 1, 1)


def _skip_blocks(file: BinaryIO) -> None:
    while length := file.read(1):
        if not length[0]:
            return
        file.seek(length[0], 1)
