"""Whether a picture file ends as its format ends, without decoding it: one that was cut or is no picture is found among thousands.

Does not find damage in the middle.
"""

from __future__ import annotations

import os
from pathlib import Path

_TAIL_BYTES = 4096
"""How far before the end of a file its picture may end: some programs write a note or padding behind it."""


def is_cut(path: Path) -> bool:
    """Whether the end of a JPEG, PNG, WebP or BMP is missing; False for other formats, whose end is not known here. Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(16)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    if head.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" not in tail  # within coded pixels it cannot occur (ITU-T T.81, F.1.2.3)
    if head.startswith(b"\x89PNG"):
        return b"IEND" not in tail
    if head.startswith(b"RIFF"):
        return size < 8 + int.from_bytes(head[4:8], "little")
    return head.startswith(b"BM") and not 54 <= int.from_bytes(head[2:6], "little") <= size
