"""Turns arguments into inputs: files, folders, patterns, list files, addresses, cameras, standard input.

Looks at names, listings and first bytes. A name without an input becomes a `SourceFailure`, never an exception, and the rest goes on.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from screener.errors import SettingsError
from screener.video.inputs.folders import OnLeftOut, in_folder, in_pattern
from screener.video.inputs.standard_input import handed_down, is_handed_down
from screener.video.masking import ENCODE, MASK, is_cut_short, masked
from screener.video.sources import Source, SourceFailure, file_source, printable_name

STREAM_SCHEMES = frozenset({"http", "https", "rtsp", "rtsps"})

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def expand_sources(
    arguments: Sequence[str | bytes | os.PathLike[str]], on_left_out: Callable[[str], None] = lambda path: None
) -> list[Source | SourceFailure]:
    """Arguments -> inputs in the order given, each once however often it is named; folders and patterns sorted.

    on_left_out: called once with each file of a folder that is not an input, because neither its suffix nor its first bytes are those of a
    video or picture. Raises SettingsError for a list file that cannot be read.
    """
    left_out: dict[str, None] = {}

    def once_left_out(path: str) -> None:
        left_out.setdefault(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))
        if len(left_out) > len(told):
            told.append(path)
            on_left_out(path)

    told: list[str] = []
    once: dict[object, Source | SourceFailure] = {}
    for text in _texts(arguments):
        for source in _expand(text, once_left_out):
            # By path, not by identity of the file: a second name of a file that was given explicitly is not dropped silently.
            once.setdefault(source.target if isinstance(source, Source) else (text, source), source)
    return _with_names_of_their_own(list(once.values()))


def _texts(arguments: Sequence[str | bytes | os.PathLike[str]]) -> Iterator[str]:
    """The arguments, and the lines of those that are list files."""
    for argument in arguments:
        text = os.fsdecode(argument)
        if text.startswith("@") and not os.path.lexists(text):
            yield from _from_standard_input(text) if text in STANDARD_LISTS else _list_lines(text[1:])
        else:
            yield text


def _expand(text: str, on_left_out: OnLeftOut) -> list[Source | SourceFailure]:
    if "\0" in text:  # such as from a binary file used as a list: no path contains NUL, and system calls would raise
        return [_failure(text.replace("\0", "\\0"), "not_found", "no name of a file or address")]
    if is_handed_down(text):
        return [handed_down(text)]
    if os.path.isdir(text):
        return in_folder(text, on_left_out)
    if os.path.lexists(text):
        return [file_source(text)]
    scheme = _SCHEME.match(text)
    if scheme:
        return [_address(text, scheme.group(1).lower())]
    if text.isascii() and text.isdigit():
        return [Source(int(text), "camera", f"camera {int(text)}")]
    if glob.has_magic(text):
        return in_pattern(text, on_left_out)
    return [_failure(text, "not_found", "there is no such file or folder; check the spelling")]


def _address(text: str, scheme: str) -> Source | SourceFailure:
    if scheme not in STREAM_SCHEMES:
        message = "there is no such file, and addresses of this kind are refused; use http, https or rtsp"
        return _failure(text, "refused_protocol", message)
    if is_cut_short(text):
        return _failure(text, "not_found", f"no sound address: {ENCODE}")
    return Source(text, "url", printable_name(masked(text)))


def _failure(text: str, reason: str, message: str) -> SourceFailure:
    return SourceFailure.of(masked(text), reason, message)


def _with_names_of_their_own(found: list[Source | SourceFailure]) -> list[Source | SourceFailure]:
    """Number addresses that differ only in what is masked, because rows and pages are identified by name."""
    seen: dict[str, int] = {}
    for place, source in enumerate(found):
        if MASK in source.name:
            seen[source.name] = count = seen.get(source.name, 0) + 1
            if count > 1:
                found[place] = _renamed(source, f"{source.name} ({count})")
    return found


def _renamed(source: Source | SourceFailure, name: str) -> Source | SourceFailure:
    if isinstance(source, Source):
        return replace(source, name=name)
    return replace(source, name=name, message=name + source.message.removeprefix(source.name))


STANDARD_LISTS = ("@-", "@-0")
"""List files on standard input: one name per line, or names ended by NUL as `find -print0` writes them, which allows any name."""


def _from_standard_input(argument: str) -> Iterator[str]:
    with open(0, "rb", closefd=False) as standard_input:
        raw = standard_input.read()
    if argument == "@-":
        yield from _lines(raw)
        return
    yield from (os.fsdecode(name) for name in raw.split(b"\0") if name)


def _list_lines(path: str) -> Iterator[str]:
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"list file {printable_name(path)}: {error.strerror}; give a text file with one input a line") from error
    yield from _lines(raw)


def _lines(raw: bytes) -> Iterator[str]:
    """Names in a list file, one per line; blank lines and comments are skipped."""
    for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines():
        text = os.fsdecode(line).strip()
        if text and not text.startswith("#"):
            yield text
