"""Standard input, and other files that a shell opened for this process, as inputs.

`/dev/stdin` is a different file in every process, so the decoding process gets a name that means the same file there. Opens nothing.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from screener.video.sources import Source, SourceFailure, file_source, printable_name

DASH = "-"
_OPEN_FILE = re.compile(r"/dev/(?:stdin|stdout|stderr|fd/\d+)|/proc/(?:self|thread-self|\d+)/fd/\d+")
_NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}


def is_handed_down(text: str) -> bool:
    """Whether an argument names an open file of this process: `-` (unless a file has that name), `/dev/stdin`, `/dev/fd/63`."""
    return (text == DASH and not os.path.lexists(DASH)) or bool(_OPEN_FILE.fullmatch(os.path.normpath(text)))


SCANNED = (
    "and a scan goes back and forth in a file: write it to one and name that, or `screener scan - < FILE`; a list of names is read with "
    "@/dev/stdin"
)
WATCHED = "which only this process has: make a pipe that has a name (mkfifo) and watch that"


def handed_down(text: str, advice: str = SCANNED) -> Source | SourceFailure:
    """A source for the regular file behind such a name; for anything else the failure that says why it cannot be used, with the advice."""
    path = "/dev/stdin" if text == DASH else text
    try:
        status = os.stat(path)
    except OSError as error:
        return SourceFailure.of(text, "not_found", f"{_named(text)} is not open: {error.strerror}; name a file")
    if not stat.S_ISREG(status.st_mode):
        what = next((word for is_kind, word in _KINDS if is_kind(status.st_mode)), "no regular file")
        return SourceFailure.of(text, "not_regular", f"{_named(text)} is {what}, {advice}")
    real = os.path.realpath(path)
    if _is_same(real, status):
        return file_source(real, text)
    # It was deleted, but can still be opened through the process that has it open.
    number = _NUMBERS.get(os.path.basename(path), os.path.basename(path))
    again = f"/proc/{os.getpid()}/fd/{number}"
    if _is_same(again, status):
        return Source(os.fsencode(again), "file", printable_name(text), Path(again))
    return SourceFailure.of(text, "not_found", f"the file behind {_named(text)} has no name any more; copy it and name the copy")


def _is_same(path: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False


def _named(text: str) -> str:
    return "standard input" if text in (DASH, "/dev/stdin") else "it"


_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a terminal or another device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)
