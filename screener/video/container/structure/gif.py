"""GIF: the chain of blocks up to the trailer (GIF89a, appendix B). A GIF says nowhere how many pictures it holds."""

from __future__ import annotations

from typing import BinaryIO

from screener.video.container.structure.walked import Walked

_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B
_LABELS = frozenset({0x01, 0xF9, 0xFE, 0xFF})


def gif_faults(file: BinaryIO, walked: Walked) -> int:
    header = file.read(13)
    if len(header) == 13:
        _skip_colours(file, header[10])
    while kind := file.read(1):
        walked.alive()
        if kind[0] == _TRAILER:
            return int(bool(file.read(64).strip(b"\0")))
        if kind[0] == _EXTENSION:
            if file.read(1)[:1] not in {bytes([label]) for label in _LABELS}:
                return 1
        elif kind[0] == _PICTURE:
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return 0
            _skip_colours(file, descriptor[8])
            if not 2 <= int.from_bytes(file.read(1), "little") <= 11:
                return 1
        else:
            return 1
        _skip_blocks(file)
    return 0  # cut short: `end` says so


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << (flags & 7) + 1, 1)


def _skip_blocks(file: BinaryIO) -> None:
    while length := file.read(1):
        if not length[0]:
            return
        file.seek(length[0], 1)
