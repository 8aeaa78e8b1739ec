"""One input as the user named it, and the name under which it may be printed. Knows names, and opens nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from screener.runtime.absolute_paths import absolute_path

_ESCAPED_BYTE = re.compile(rb"\\x([89a-f][0-9a-f])")


@dataclass(frozen=True)
class Source:
    """One input.

    target: absolute path of a file, address of a stream, index of a camera, name of a screen, or the ordered pictures of a sequence.
    kind: "file", "sequence", "url", "camera", "screen", or "frames" for pictures in memory. name: safe to print, without passwords.
    path: of a file, else None.
    """

    target: str | bytes | int | tuple[Path, ...] = field(repr=False)  # an address may hold a password
    kind: str
    name: str
    path: Path | None = None


@dataclass(frozen=True)
class SourceFailure:
    """An argument that names no input. reason: from `errors.REASONS`."""

    name: str
    reason: str
    message: str

    @classmethod
    def of(cls, text: str, reason: str, message: str) -> SourceFailure:
        """text: the argument, passwords masked. message: what is wrong with it, without its name."""
        name = printable_name(text)
        return cls(name, reason, f"{name}: {message}")


def printable_name(text: str) -> str:
    """A name that any terminal or file accepts: undecodable bytes and lone surrogates as escapes, everything else unchanged."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def paths_printed_as(name: str) -> Iterator[Path]:
    """Paths that `printable_name` may have printed so: the name itself, and if it has escaped bytes, the one with these bytes."""
    yield Path(name)
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no name of a file
        return
    if (meant := os.fsdecode(_ESCAPED_BYTE.sub(lambda found: bytes.fromhex(found[1].decode()), raw))) != name:
        yield Path(meant)


def file_source(path: str | os.PathLike[str], name: str | None = None) -> Source:
    """A source for one file, whatever its suffix."""
    text = os.fspath(path)
    absolute = absolute_path(text)
    return Source(os.fsencode(absolute), "file", printable_name(text if name is None else name), Path(absolute))
