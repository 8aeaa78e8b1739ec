"""Turns what the user named into the one source of a live watch: a camera, a screen, a named pipe, an address, or a file at its own
speed.

Looks only at names and kinds of files, and opens nothing.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from screener.errors import SourceError
from screener.runtime.absolute_paths import absolute_path
from screener.video.container.gate import check_file
from screener.video.inputs.expanding import expand_sources
from screener.video.inputs.standard_input import WATCHED, handed_down, is_handed_down
from screener.video.live.screen_area import ScreenArea
from screener.video.masking import masked
from screener.video.sources import Source, SourceFailure, file_source, printable_name

_VIDEO_DEVICE = re.compile(r"/dev/video(\d+)")


def live_source(source: Source | str | int | Path) -> Source:
    """The source for a camera index, `screen:0`, device path, pipe, address or file. Raises SourceError for anything else.

    The source's kind is "camera", "screen", "pipe", "url" or "file".
    """
    if isinstance(source, Source):
        return source
    text = os.fspath(source) if isinstance(source, (str, Path)) else str(source)
    if is_handed_down(text):
        return _handed_down(text)
    if os.path.lexists(text):
        return _from_path(text)
    if ScreenArea.named(text) is not None:
        return Source(text, "screen", text)
    found = expand_sources([text])
    if len(found) != 1:
        raise SourceError("not_found", f"{printable_name(masked(text))}: names {len(found)} inputs; a live watch has one source")
    (one,) = found
    if isinstance(one, SourceFailure):
        raise SourceError(one.reason, one.message)
    if one.path is not None:
        return _from_path(os.fspath(one.path))
    return one


def _handed_down(text: str) -> Source:
    """A file that a shell opened, under a name that is valid in every process."""
    found = handed_down(text, WATCHED)
    if isinstance(found, SourceFailure):
        raise SourceError(found.reason, found.message)
    assert found.path is not None
    return _from_path(os.fspath(found.path), found.name)


def _from_path(text: str, name: str = "") -> Source:
    name = name or printable_name(text)
    absolute = absolute_path(text)
    try:
        mode = os.stat(text).st_mode
    except OSError as error:
        raise SourceError("not_found", f"{name}: cannot be opened: {error.strerror}") from error
    if stat.S_ISFIFO(mode):
        return Source(os.fsencode(absolute), "pipe", name, Path(absolute))
    if stat.S_ISCHR(mode):
        device = _VIDEO_DEVICE.fullmatch(os.path.realpath(text))
        if device is None:
            raise SourceError("not_regular", f"{name}: a device that is no camera; cameras are called /dev/video0 and so on")
        return Source(int(device.group(1)), "camera", name)
    if not stat.S_ISREG(mode):
        raise SourceError("not_regular", f"{name}: neither a file, a named pipe nor a camera; give one of these, or an address")
    if check_file(Path(absolute), name) not in ("video", "gif"):
        raise SourceError("not_media", f"{name}: a picture does not run; judge it with `screener scan`")
    return file_source(absolute, name)
