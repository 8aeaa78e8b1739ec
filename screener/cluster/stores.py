"""Object stores and folders as one thing: read, list, download, and create what must not exist yet. Knows bytes and keys.

Whatever fails on the way is tried again with growing pauses; a store that stays away is a `StoreLost`. Credentials come from where the
cloud's own tools take them (environment, role of the machine); none are read from addresses, kept or printed.
"""

from __future__ import annotations

import logging
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from screener.cluster.store_answers import CHUNK_BYTES, DENIED, EXPIRED, TIMED_OUT, came, causes, is_full, is_no_bucket, said
from screener.errors import OutputError, SettingsError
from screener.runtime.absolute_paths import absolute_path
from screener.runtime.files import telling

EXTRA = "pip install 'screener-video[cluster]', or in a checkout: pip install '.[cluster]'"
TRIES = 7
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
PIECE_BYTES = 8 << 20
"""Downloads are made in pieces, so that a file that changes meanwhile is noticed soon."""
PART_BYTES = 5 << 20
"""Larger objects are written in parts of this, the least that S3 takes."""
REQUEST_SECONDS = 60
"""For one request, its body included. So it limits how long a store is silent, and no more than that: what came until then is kept when
something is read, and a part is small enough for a slow link when something is written."""
_LOG = logging.getLogger(__name__)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
SCHEMES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "memory", "file")
T = TypeVar("T")


class StoreLost(OutputError):
    """A store did not answer, however often it was asked, or does not let us in."""


class Missing(OutputError):
    """There is no object of this name."""


class Barred(StoreLost):
    """This object may not be read or written."""


@dataclass(frozen=True)
class Item:
    """An object as listings show it. key: below the store's address. modified: seconds since 1970 by the store's clock."""

    key: str
    size: int
    etag: str
    modified: float


class Store:
    """Everything below one address. Threads may share it."""

    def __init__(self, inner: Any, address: str, tries: int = TRIES) -> None:
        """inner: a store of obstore. address: how messages name it. tries: of each request, the first included."""
        self._inner, self.address, self._tries = inner, address, tries

    def read(self, key: str) -> bytes:
        """The whole object. Raises Missing and StoreLost."""
        from obstore.exceptions import PreconditionError

        for _ in range(self._tries):
            item, first = self._tried(key, partial(self._begun, key))
            try:
                return first if len(first) == item.size else b"".join([first, *self._pieces(item, len(first))])
            except PreconditionError:
                continue
        raise self._never_the_same(key)

    def head(self, key: str) -> Item:
        """What a listing would show of it. Raises Missing and StoreLost."""
        import obstore

        return _item(self._tried(key, lambda: obstore.head(self._inner, key)))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object that must not exist yet; False if another writer was first. Raises StoreLost.

        Where an answer was lost and the object turns out to exist, its content tells whether it is ours: no two writers write the same.
        This is one request, for nothing can be created in parts: what may be large gets a name of its own, and `write`.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            self._tried(key, lambda: obstore.put(self._inner, key, data, mode="create"))
        except AlreadyExistsError:
            return self.read(key) == data
        return True

    def write(self, key: str, data: bytes) -> None:
        """Write an object, or overwrite it; readers see all of it or what was there before. Raises StoreLost."""
        try:
            self._tried(key, partial(self._put, key, data))
        except StoreLost as error:
            if len(data) > CHUNK_BYTES and TIMED_OUT.search(causes(error)) and self._answers(key):
                size = min(len(data), PART_BYTES) / 1e6
                told = (
                    f"too slow: {size:.1f} MB did not get through in {REQUEST_SECONDS} seconds; the run can go on over a faster connection"
                )
                raise StoreLost(f"{self.address}/{key}: {told}") from error
            raise

    def remove(self, key: str) -> None:
        """Remove an object that nobody needs; that it cannot be removed is no error."""
        import obstore

        try:
            self._tried(key, lambda: obstore.delete(self._inner, key))
        except (StoreLost, Missing):
            _LOG.info("%s/%s: cannot be removed", self.address, key)

    def listed(self, prefix: str = "") -> Iterator[Item]:
        """All objects below a prefix that ends at a slash, a thousand at a time. Raises StoreLost."""
        import obstore

        pages = self._tried(prefix, lambda: iter(obstore.list(self._inner, prefix=prefix or None, chunk_size=1000)))
        seen = ""
        while True:
            try:
                page = next(pages, None)
            except Exception as error:
                _LOG.info("%s/%s: listing broke off: %s", self.address, prefix, said(error))
                found = [item for item in self._tried(prefix, lambda: self._whole_listing(prefix)) if item.key > seen]
                yield from found
                return
            if page is None:
                return
            for entry in page:
                seen = max(seen, entry["path"])
                yield _item(entry)

    def download(self, key: str, path: Path) -> None:
        """Write an object to a file. Raises Missing, Barred, StoreLost, and OutputError for what the disk does not take."""
        from obstore.exceptions import PreconditionError

        for _ in range(self._tries):
            item = self.head(key)
            try:
                with telling(path), path.open("wb") as file:
                    for piece in self._pieces(item, 0):
                        file.write(piece)
                return
            except PreconditionError:
                continue  # it was overwritten meanwhile: take what is there now
        raise self._never_the_same(key)

    def clock(self) -> float | None:
        """Seconds since 1970 by the store's clock, which only an object just written tells; None if we may not write. Raises StoreLost."""
        key = f"probe/{secrets.token_hex(8)}"
        try:
            self.write(key, b"")
        except Barred:
            return None
        try:
            return self.head(key).modified
        finally:
            self.remove(key)

    def probe(self) -> None:
        """Make sure that create-only writes are kept.

        Raises SettingsError for a store that overwrites in spite of the condition: two workers would take one shard. Raises StoreLost.
        """
        key = f"probe/{secrets.token_hex(8)}"
        try:
            first = self.create(key, b"one")
            refused = not self.create(key, b"two")
            kept = self.read(key) == b"one"
        finally:
            self.remove(key)
        if not (first and refused and kept):
            raise SettingsError(f"{self.address}: overwrites what must not be overwritten (no conditional writes); use another store")

    def _never_the_same(self, key: str) -> StoreLost:
        return StoreLost(f"{self.address}/{key}: is overwritten again and again while it is read")

    def _begun(self, key: str) -> tuple[Item, bytes]:
        """An object, and what came of it at the first request: all of it, unless that broke off."""
        import obstore

        found = obstore.get(self._inner, key)
        return _item(found.meta), came(found, found.meta["size"])

    def _pieces(self, item: Item, start: int) -> Iterator[bytes]:
        """The bytes of an object from there on. Raises PreconditionError if it was overwritten meanwhile."""
        while start < item.size:
            options = {"range": (start, min(start + PIECE_BYTES, item.size)), **({"if_match": item.etag} if item.etag else {})}
            piece = self._tried(item.key, partial(self._piece, item.key, options))
            start += len(piece)
            yield piece

    def _piece(self, key: str, options: Any) -> bytes:
        import obstore

        start, end = options["range"]
        return came(obstore.get(self._inner, key, options=options), end - start)

    def _put(self, key: str, data: bytes) -> None:
        import obstore
        from obstore.exceptions import GenericError, NotFoundError

        try:
            # One part after the other: together they would share a slow link, and none get through in time.
            obstore.put(self._inner, key, data, mode="overwrite", chunk_size=PART_BYTES, max_concurrency=1)
        except (FileNotFoundError, NotFoundError) as error:
            if len(data) <= PART_BYTES or is_no_bucket(error):
                raise
            # Where the answer to the last request was lost, its repetition finds no upload any more. All of it is written again.
            raise GenericError(f"the upload was forgotten: {said(error)}") from error

    def _answers(self, key: str) -> bool:
        """Whether the store answers a small request."""
        try:
            self.head(key)
        except Missing:
            return True
        except OutputError:
            return False
        return True

    def _whole_listing(self, prefix: str) -> list[Item]:
        import obstore

        return [_item(entry) for page in obstore.list(self._inner, prefix=prefix or None, chunk_size=1000) for entry in page]

    def _tried(self, key: str, operation: Callable[[], T]) -> T:
        """The operation's result, after as many tries as it takes."""
        from obstore.exceptions import (
            AlreadyExistsError,
            BaseError,
            NotFoundError,
            PermissionDeniedError,
            PreconditionError,
            UnauthenticatedError,
        )

        for attempt in range(1, self._tries + 1):
            try:
                return operation()
            except (AlreadyExistsError, PreconditionError):
                raise
            except (FileNotFoundError, NotFoundError) as error:
                if is_no_bucket(error):
                    raise StoreLost(f"{self.address}: there is no such bucket") from error
                raise Missing(f"{self.address}/{key}: there is no such object") from error
            except UnauthenticatedError as error:
                raise StoreLost(f"{self.address}: does not let us in: {said(error)}; check the credentials") from error
            except (PermissionError, PermissionDeniedError) as error:
                if any(code in str(error) for code in EXPIRED):
                    raise StoreLost(f"{self.address}: does not let us in: {said(error)}; check the credentials") from error
                raise Barred(f"{self.address}/{key}: {said(error)}") from error
            except (BaseError, OSError) as error:
                if is_full(error):
                    raise OutputError(f"{self.address}: cannot be written: no space left on the device; nothing was lost") from error
                if DENIED.search(str(error)):
                    raise Barred(f"{self.address}/{key}: {said(error)}") from error
                if attempt == self._tries:
                    raise StoreLost(f"{self.address}: does not answer: {said(error)}; the run can go on when it does") from error
                _LOG.info("%s/%s: try %d failed: %s", self.address, key, attempt, said(error))
                time.sleep(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)) * random.uniform(0.5, 1))
        raise AssertionError("unreachable")


def is_address(text: str) -> bool:
    """Whether a text names a store rather than a folder."""
    found = _SCHEME.match(text)
    return found is not None and found[1].lower() in SCHEMES


def open_store(address: str, make: bool = False) -> Store:
    """A store by its address, or a folder by its path. make: create the folder. Raises SettingsError and OutputError."""
    _require_extra()
    from obstore.exceptions import BaseError
    from obstore.store import LocalStore, from_url

    if not is_address(address) or address.startswith("file://"):
        path = absolute_path(address.removeprefix("file://"))
        if not make and not os.path.isdir(path):
            raise SettingsError(f"{address}: there is no such folder")
        with telling(path):
            os.makedirs(path, exist_ok=True)
        return Store(LocalStore(path), path, TRIES)
    plain = require_plain(address)
    limits: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
    options: Any = {"timeout": timedelta(seconds=REQUEST_SECONDS), "allow_http": _allows_http()}
    try:
        return Store(from_url(plain, retry_config=limits, client_options=options), plain, TRIES)
    except (BaseError, ValueError, OSError) as error:
        raise SettingsError(f"{plain}: names no store: {said(error)}") from error


def require_plain(address: str) -> str:
    """The address without a slash at its end. Raises SettingsError for one that holds credentials, without repeating them."""
    authority = address.split("://", 1)[1].split("/", 1)[0]
    if "?" in address or ":" in authority.rpartition("@")[0]:
        raise SettingsError("an address of a store may hold no credentials or parameters; give them as the cloud's own tools take them")
    return address.rstrip("/")


def _allows_http() -> bool:
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true") or "http://" in os.environ.get("AWS_ENDPOINT_URL", "")


def _require_extra() -> None:
    try:
        import obstore  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise SettingsError(f"runs on many machines need packages that are not installed ({error.name}): {EXTRA}") from error


def _item(entry: Any) -> Item:
    return Item(entry["path"], int(entry["size"]), entry["e_tag"] or "", entry["last_modified"].timestamp())
