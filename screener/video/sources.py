"""One input as the user named it, and what may be printed of it. Knows names, and opens nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One input.

    target: absolute path of a file, address of a stream, index of a camera, or the pictures of a film in order.
    kind: "file", "sequence", "url", "camera", or "frames" of pictures in memory. name: safe to print, without passwords.
    path: of a file, else None.
    """

    target: str | bytes | int | tuple[Path, ...] = field(repr=False)  # an address may hold a password
    kind: str
    name: str
    path: Path | None = None


@dataclass(frozen=True)
class SourceFailure:
    """An argument that leads to no input. reason: from `errors.REASONS`."""

    name: str
    reason: str
    message: str

    @classmethod
    def of(cls, text: str, reason: str, message: str) -> SourceFailure:
        """text: the argument, passwords masked. message: what is wrong with it, without its name."""
        name = printable_name(text)
        return cls(name, reason, f"{name}: {message}")


def printable_name(text: str) -> str:
    """A name that any terminal or file can take: undecodable bytes and lone surrogates as escapes, the rest as given."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def file_source(path: str | os.PathLike[str], name: str | None = None) -> Source:
    """One file, whatever its suffix."""
    text = os.fspath(path)
    absolute = os.path.abspath(text)
    return Source(os.fsencode(absolute), "file", printable_name(text if name is None else name), Path(absolute))
