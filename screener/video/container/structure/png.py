"""PNG: the chain of chunks up to the first pixels, where an animation is declared (PNG, third edition, section 11.3.6.1)."""

from __future__ import annotations

from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"

MOST_CHUNKS = 4096
"""How many chunks before the pixels are looked at; a text that is cut into pieces takes a few dozen."""


def may_be_animated(file: BinaryIO) -> bool:
    """Whether the chunks before the first pixels declare an animation. True if there are too many of them to tell: an animation that is
    taken for a picture would be judged by its first frame alone.
    """
    file.seek(len(SIGNATURE))
    for _ in range(MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8 or header[4:] in (b"IDAT", b"IEND"):
            return False
        if header[4:] == b"acTL":
            return True
        file.seek(int.from_bytes(header[:4], "big") + 4, 1)  # its content and its checksum
    return True
