"""Tells what a file is from its first bytes, and a PNG from its chunks, before any decoder sees it. Names and suffixes are not trusted.

Does not decode; a file that passes may still turn out to be damaged.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from screener.errors import SourceError
from screener.video.container.structure.png import SIGNATURE, may_be_animated
from screener.video.sources import printable_name

HEAD_BYTES = 4096

_PLAYLIST = re.compile(
    rb"\s*(#EXTM3U|ffconcat\b|\[playlist\]|\[Reference\]|RTSPtext|v=0\r?\n|file\s+['\"/.\w]"
    rb"|(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(MPD|smil|asx|playlist|AssetMap|SmoothStreamingMedia)\b)",
    re.IGNORECASE | re.DOTALL,
)
_TEXT_BYTES = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\r\f\b\x1b") | frozenset(range(0x80, 0x100))
_STILL_BRANDS = (b"avif", b"heic", b"heix", b"mif1", b"heim", b"heis")
MOTION_BRANDS = (b"avis", b"hevc", b"hevx", b"msf1")


def check_file(path: Path, shown_name: str | None = None) -> str:
    """Kind of a file: "picture", "animation" (a picture format that holds several frames), "gif" or "video". Raises SourceError otherwise.

    shown_name: what messages call the file; its path if left out.
    """
    name = shown_name or printable_name(os.fspath(path))
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceError("not_regular", f"{name}: not a regular file (a folder, pipe, socket or device); give a file")
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            is_animated_png = head.startswith(SIGNATURE) and may_be_animated(file)
    except SourceError:
        raise
    except PermissionError as error:
        raise SourceError("permission", f"{name}: the file may not be read; change its permissions") from error
    except OSError as error:
        raise SourceError("not_found", f"{name}: the file cannot be opened: {error.strerror}") from error
    if not head:
        raise SourceError("empty", f"{name}: the file is empty")
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _PLAYLIST.match(text):
        raise SourceError("refused_playlist", f"{name}: a playlist, which could open other files; name the media files themselves")
    kind = "animation" if is_animated_png else _picture_kind(head, path)
    if kind is None and _is_text(text):
        raise SourceError("not_media", f"{name}: a text file, not a video or picture")
    return kind or "video"


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if not _TEXT_BYTES.issuperset(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a multi-byte character that continues after the head
    return True


def _picture_kind(head: bytes, path: Path) -> str | None:
    if head.startswith(SIGNATURE):
        return "picture"
    if head.startswith(b"\xff\xd8\xff"):
        # A raw stream of JPEGs starts like a single JPEG; only its suffix tells them apart without reading on.
        return None if path.suffix.lower() in (".mjpg", ".mjpeg") else "picture"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "animation" if head[12:16] == b"VP8X" and len(head) > 20 and head[20] & 0x02 else "picture"
    if head[4:8] == b"ftyp":
        brands = head[8 : max(16, min(int.from_bytes(head[:4], "big"), 256))]
        if any(brand in brands for brand in MOTION_BRANDS) and head[8:12] in MOTION_BRANDS:
            return "animation"
        return "picture" if head[8:12] in _STILL_BRANDS else None
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+") or head[:12] == b"\x00\x00\x00\x0cjP  \r\n\x87\n":
        return "picture"
    if head[:2] == b"BM" and head[14:18] in (b"\x0c\0\0\0", b"\x28\0\0\0", b"\x34\0\0\0", b"\x38\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0"):
        return "picture"
    return None
