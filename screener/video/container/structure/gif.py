"""GIF: the chain of blocks up to the trailer (GIF89a, appendix B). A GIF does not state how many pictures it holds; they are
counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL = 0xF9
_LABELS = frozenset({0x01, _CONTROL, 0xFE, 0xFF})
_PICTURE_LIMIT = 8_000_000


@dataclass
class GifBlocks:
    """delays: of each picture, in hundredths of a second; 0 if none is given. faults: number of faults in the chain. is_cut: the file ends
    before its trailer. goes_on: something other than padding follows the trailer.
    """

    delays: list[int] = field(default_factory=list)
    faults: int = 0
    is_cut: bool = True
    goes_on: bool = False


@dataclass(frozen=True)
class GifControl:
    """The graphic control extension before a picture. delay: in hundredths of a second. disposal: what happens to the picture before the
    next one: 2 clears its area, 3 restores what was there before. see_through: index of the transparent colour, -1 for none.
    """

    delay: int = 0
    disposal: int = 0
    see_through: int = -1


@dataclass(frozen=True)
class GifPicture:
    """start, end: byte positions in the file, from its image descriptor on."""

    control: GifControl
    start: int
    end: int


def read_blocks(file: BinaryIO, alive: Callable[[], None] = lambda: None) -> GifBlocks:
    """Read a whole GIF. alive: called for each block."""
    found = GifBlocks()
    for _ in gif_pictures(file, found, alive):
        pass
    return found


def gif_pictures(file: BinaryIO, found: GifBlocks, alive: Callable[[], None] = lambda: None) -> Iterator[GifPicture]:
    """Yield the pictures in order; facts about the whole file are added to `found` on the way."""
    control = GifControl()
    header = file.read(13)
    if len(header) == 13:
        _skip_colours(file, header[10])
    while (kind := file.read(1)) and len(found.delays) < _PICTURE_LIMIT:
        alive()
        if kind[0] == _TRAILER:
            found.is_cut, found.goes_on = False, bool(file.read(64).strip(b"\0"))
            break
        start = file.tell()
        if kind[0] == _EXTENSION:
            control = _extension(file, found) or control
        elif kind[0] == _PICTURE:
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            _skip_colours(file, descriptor[8])
            width = file.read(1)
            if not width:
                break
            found.faults += not 2 <= width[0] <= 11
            found.delays.append(control.delay)
        else:
            found.faults += 1
        if found.faults:
            break
        _skip_blocks(file)
        if kind[0] == _PICTURE:
            yield GifPicture(control, start, file.tell())
            control = GifControl()


def _extension(file: BinaryIO, found: GifBlocks) -> GifControl | None:
    """Read an extension; the graphic control for the next picture, None for any other kind."""
    label = file.read(1)
    found.faults += bool(label) and label[0] not in _LABELS
    if label[:1] != bytes([_CONTROL]):
        return None
    start = file.tell()
    control = file.read(5)
    file.seek(start)
    if len(control) < 5:
        return None
    return GifControl(int.from_bytes(control[2:4], "little"), control[1] >> 2 & 7, control[4] if control[1] & 1 else -1)


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << (flags & 7) + 1, 1)


def _skip_blocks(file: BinaryIO) -> None:
    while length := file.read(1):
        if not length[0]:
            return
        file.seek(length[0], 1)
