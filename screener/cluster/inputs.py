"""What a run judges, one row each: objects below an address, what a manifest lists, or what folders and files hold as in any scan.

Looks at listings and names; downloads nothing. Rows are given one by one, so that a listing of millions is never held.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from screener.cluster.stores import Missing, Store, is_address, open_store, require_plain
from screener.errors import SettingsError
from screener.video import Source, SourceFailure, expand_sources
from screener.video.inputs.media import MEDIA_SUFFIXES
from screener.video.masking import masked
from screener.video.sources import file_source, printable_name

HEAD_BYTES = 1 << 16
"""So much of a file, with its size, tells copies apart before anything is read whole."""

Opener = Callable[[str], Store]


@dataclass(frozen=True)
class Row:
    """One input. index: its place in the order of the arguments, unique in the run. name: what its verdict calls it.

    kind: "object", or as in `Source`, or "failure". base, key: of an object, the address it lies below and its key there. target: of
    anything else, what is opened, as bytes: a path, an address, the pictures of a sequence or the reason and message of a failure as JSON.
    size, etag: as the store lists them; together they stand for the content, until it is read.
    """

    index: int
    name: str
    kind: str
    base: str = ""
    key: str = ""
    target: bytes = b""
    size: int = 0
    etag: str = ""

    @property
    def group(self) -> int:
        """64 bits that copies have in common."""
        telling = f"{self.size} {self.etag}" if self.etag else f"{self.index}"
        return int.from_bytes(hashlib.blake2b(telling.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def rows_of(
    arguments: Sequence[str], manifest: Path | None, on_left_out: Callable[[str], None], opener: Opener = open_store
) -> Iterator[Row]:
    """The inputs that arguments name, in order, or that a manifest lists below the one address that is named.

    on_left_out: called with what is no input by its name. Raises SettingsError and StoreLost.
    """
    if manifest is not None:
        yield from _listed_in(manifest, arguments)
        return
    count = 0
    for address in arguments:
        found = _objects(address, on_left_out, opener) if is_address(address) else _local(address, on_left_out)
        for row in found:
            yield replace(row, index=count)
            count += 1


def source_of(row: Row) -> Source | SourceFailure:
    """What is judged, of a row that is no object."""
    if row.kind == "failure":
        reason, message = json.loads(row.target)
        return SourceFailure(row.name, reason, message)
    if row.kind == "sequence":
        pictures = tuple(Path(os.fsdecode(name.encode("latin-1"))) for name in json.loads(row.target))
        return Source(pictures, "sequence", row.name)
    if row.kind == "url":
        return Source(row.target.decode(), "url", row.name)
    return file_source(os.fsdecode(row.target), row.name)


def _objects(address: str, on_left_out: Callable[[str], None], opener: Opener) -> Iterator[Row]:
    """The objects below an address, in the store's order; or the one that it names."""
    base, empty = require_plain(address), True
    for item in opener(base).listed():
        empty = False
        name = printable_name(f"{base}/{item.key}")
        if is_input(item.key):
            yield Row(0, name, "object", base, item.key, size=item.size, etag=item.etag)
        else:
            on_left_out(name)
    if empty:
        parent, _, last = base.rpartition("/")
        try:
            item = opener(parent).head(last)
        except (Missing, SettingsError) as error:
            raise SettingsError(f"{base}: names no object, and there is none below it") from error
        yield Row(0, printable_name(base), "object", parent, last, size=item.size, etag=item.etag)


def is_input(key: str) -> bool:
    """Whether a listed object is tried: a name that ends like a video or picture, or has no ending; nothing hidden."""
    *folders, name = key.split("/")
    suffix = os.path.splitext(name)[1].lower()
    return not any(part.startswith(".") for part in (*folders, name)) and (not suffix or suffix in MEDIA_SUFFIXES)


def _local(argument: str, on_left_out: Callable[[str], None]) -> Iterator[Row]:
    """What any scan would judge. Not found on another machine unless that sees the same folders."""
    for source in expand_sources([argument], on_left_out):
        if isinstance(source, SourceFailure):
            yield Row(0, source.name, "failure", target=json.dumps([source.reason, source.message]).encode())
        elif source.kind == "sequence":
            assert isinstance(source.target, tuple)
            names = [os.fsencode(path).decode("latin-1") for path in source.target]
            yield Row(0, source.name, "sequence", target=json.dumps(names).encode())
        elif source.kind == "url":
            if masked(str(source.target)) != str(source.target):
                raise SettingsError(f"{source.name}: holds a password, which the manifest of a run must not hold; scan it by itself")
            yield Row(0, source.name, "url", target=str(source.target).encode())
        elif source.path is not None:
            size, etag = _signs(source.path)
            yield Row(0, source.name, "file", target=os.fsencode(source.path), size=size, etag=etag)
        else:
            raise SettingsError(f"{source.name}: only this machine has it; runs on many machines judge files, objects and addresses")


def _signs(path: Path) -> tuple[int, str]:
    """Size and a hash of the first bytes of a file; 0 and none if it cannot be read."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size, hashlib.blake2b(file.read(HEAD_BYTES), digest_size=16).hexdigest()
    except OSError:
        return 0, ""


def _listed_in(manifest: Path, arguments: Sequence[str]) -> Iterator[Row]:
    """Keys, and sizes and ETags where they are known, of objects below one address: a table (.parquet, .csv) or a key a line."""
    if len(arguments) != 1 or not is_address(arguments[0]):
        raise SettingsError("--manifest lists objects below one address, such as s3://bucket/in/; name that as the source")
    base = require_plain(arguments[0])
    for index, entry in enumerate(_READERS.get(manifest.suffix.lower(), _lines)(manifest)):
        key = str(entry.get("key") or "").removeprefix(f"{base}/").lstrip("/")
        if not key:
            raise SettingsError(f"{manifest}: row {index + 1}: has no key; give a column `key`, and `size` and `etag` where they are known")
        yield Row(
            index, printable_name(f"{base}/{key}"), "object", base, key, size=int(entry.get("size") or 0), etag=str(entry.get("etag") or "")
        )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8", errors="strict") as file:
            yield from ({"key": line.rstrip("\r\n")} for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from error


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            wanted = [name for name in ("key", "size", "etag") if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=4096, columns=wanted):
                yield from batch.to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


_READERS: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {".parquet": _parquet, ".csv": _csv}
"""Of manifests, by suffix; anything else is a key a line."""
