"""What the user named -> the inputs it stands for: files, folders, patterns, list files, addresses, cameras.

Looks at names and folder listings only. Does not open media, so it cannot say whether an input is any good; a name that leads
nowhere becomes a `SourceFailure`, never an exception, and the rest goes on.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from screener.errors import SettingsError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2"})
# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265", ".hevc", ".ivf", ".m1v", ".m2ts", ".m2v",
    ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv",
    ".qt", ".rm", ".rmvb", ".split", ".ts", ".vob", ".webm", ".wmv", ".y4m",
})
# fmt: on
STREAM_SCHEMES = frozenset({"http", "https", "rtsp", "rtsps"})

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_PASSWORD = re.compile(r"(?<=//)([^/@:]*):[^/@]*@")
_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """One input.

    target: absolute path of a file, address of a stream, index of a camera, or the pictures of a sequence in order.
    kind: "file", "sequence", "url" or "camera". name: safe to print. path: of a file, else None.
    """

    target: str | bytes | int | tuple[Path, ...]
    kind: str
    name: str
    path: Path | None = None


@dataclass(frozen=True)
class SourceFailure:
    """An argument that leads to no input. reason: from `errors.REASONS`."""

    name: str
    reason: str
    message: str


def expand_sources(
    arguments: Sequence[str | os.PathLike[str]], on_left_out: Callable[[str], None] = lambda path: None
) -> list[Source | SourceFailure]:
    """Arguments -> inputs in the order given, each once however often it is named; folders and patterns sorted.

    on_left_out: called with each file of a folder that is no input, as its suffix is that of neither a video nor a picture.
    Raises SettingsError for a list file that cannot be read.
    """
    found: list[Source | SourceFailure] = []
    for argument in arguments:
        text = os.fspath(argument)
        if text.startswith("@") and not os.path.lexists(text):
            for line in _list_lines(text[1:]):
                found.extend(_expand(line, on_left_out))
        else:
            found.extend(_expand(text, on_left_out))
    once: dict[object, Source | SourceFailure] = {}
    for source in found:
        # By the path and not by what lies there: a second name of a file, given as such, is not silently left out.
        once.setdefault(source.target if isinstance(source, Source) else source, source)
    return list(once.values())


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


def _expand(text: str, on_left_out: Callable[[str], None]) -> list[Source | SourceFailure]:
    if "\0" in text:  # such as a list file that is none: no path holds it, and every look at one would raise
        return [_failure(text.replace("\0", "\\0"), "not_found", "no name of a file or address")]
    if os.path.isdir(text):
        return _folder(text, on_left_out)
    if os.path.lexists(text):
        return [file_source(text)]
    scheme = _SCHEME.match(text)
    if scheme:
        return [_address(text, scheme.group(1).lower())]
    if text.isascii() and text.isdigit():
        return [Source(int(text), "camera", f"camera {int(text)}")]
    if glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True))
        if matches:
            return [
                source for match in matches for source in (_folder(match, on_left_out) if os.path.isdir(match) else [file_source(match)])
            ]
        return [_failure(text, "not_found", "no file matches this pattern")]
    return [_failure(text, "not_found", "there is no such file or folder; check the spelling")]


def _address(text: str, scheme: str) -> Source | SourceFailure:
    shown = _PASSWORD.sub(r"\1:***@", text)
    if scheme not in STREAM_SCHEMES:
        message = f"there is no such file, and addresses of kind {scheme}: are refused; use http, https or rtsp"
        return _failure(shown, "refused_protocol", message)
    return Source(text, "url", printable_name(shown))


def _failure(text: str, reason: str, message: str) -> SourceFailure:
    name = printable_name(text)
    return SourceFailure(name, reason, f"{name}: {message}")


def _list_lines(path: str) -> Iterator[str]:
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"list file {printable_name(path)}: {error.strerror}; give a text file with one input a line") from error
    for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines():
        text = os.fsdecode(line).strip()
        if text and not text.startswith("#"):
            yield text


def _folder(text: str, on_left_out: Callable[[str], None]) -> list[Source | SourceFailure]:
    try:
        os.scandir(text).close()
    except OSError as error:
        return [_failure(text, "permission", f"the folder cannot be read: {error.strerror}")]
    nothing = _failure(text, "no_video", "the folder holds no video or picture; name a file to have it tried whatever its suffix")
    return list(_walk(text, set(), on_left_out)) or [nothing]


def _walk(top: str, seen: set[tuple[int, int]], on_left_out: Callable[[str], None]) -> Iterator[Source | SourceFailure]:
    """Media below a folder, sorted; each real file and folder once, hidden ones skipped. An unreadable folder is a row of its own.

    Without recursion: a folder may be nested deeper than Python's stack is.
    """
    waiting = [top]
    while waiting:
        path = waiting.pop()
        if not _first_visit(path, seen):
            continue
        if not os.path.isdir(path):
            yield file_source(path)
            continue
        try:
            names = sorted(name for name in os.listdir(path) if not name.startswith("."))
        except OSError as error:
            yield _failure(path, "permission", f"the folder cannot be read: {error.strerror}")
            continue
        paths = [os.path.join(path, name) for name in names]
        folders = {inner for inner in paths if os.path.isdir(inner)}
        files = [inner for inner in paths if inner not in folders and _suffix(inner) in PICTURE_SUFFIXES | VIDEO_SUFFIXES]
        for path in sorted(set(paths) - folders - set(files)):
            on_left_out(path)
        series = _numbered_series(files)
        if series:
            yield Source(tuple(Path(os.path.abspath(picture)) for picture in series), "sequence", printable_name(path))
        kept = folders if series else folders.union(files)
        waiting.extend(inner for inner in reversed(paths) if inner in kept)


def _first_visit(path: str, seen: set[tuple[int, int]]) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return True  # a broken link is still an input: opening it says what is wrong
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _numbered_series(files: list[str]) -> list[str]:
    """The files in numerical order if all are pictures named with the same prefix and suffix and a number between; else nothing."""
    if len(files) < 2 or any(_suffix(path) not in PICTURE_SUFFIXES for path in files):
        return []
    matches = [_NUMBERED.fullmatch(os.path.basename(path)) for path in files]
    if any(match is None for match in matches):
        return []
    numbered = {int(match.group(2)): path for match, path in zip(matches, files, strict=True) if match}
    shapes = {(match.group(1), match.group(3)) for match in matches if match}
    return [numbered[number] for number in sorted(numbered)] if len(shapes) == 1 and len(numbered) == len(files) else []


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
