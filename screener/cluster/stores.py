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

from screener.errors import OutputError, SettingsError
from screener.runtime.files import telling

EXTRA = "pip install 'screener-video[cluster]', or in a checkout: pip install '.[cluster]'"
TRIES = 7
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
PIECE_BYTES = 8 << 20
"""Downloads are made in pieces, so that a broken connection costs one piece."""
EXPIRED = ("ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken")
"""What S3 says where credentials are wrong, rather than this object not ours."""

NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")

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
        import obstore

        return self._tried(key, lambda: bytes(obstore.get(self._inner, key).bytes()))

    def head(self, key: str) -> Item:
        """What a listing would show of it. Raises Missing and StoreLost."""
        import obstore

        return _item(self._tried(key, lambda: obstore.head(self._inner, key)))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object that must not exist yet; False if another writer was first. Raises StoreLost.

        Where an answer was lost and the object turns out to exist, its content tells whether it is ours: no two writers write the same.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            self._tried(key, lambda: obstore.put(self._inner, key, data, mode="create"))
        except AlreadyExistsError:
            return self.read(key) == data
        return True

    def write(self, key: str, data: bytes) -> None:
        """Write an object, or overwrite it. Raises StoreLost."""
        import obstore

        self._tried(key, lambda: obstore.put(self._inner, key, data, mode="overwrite"))

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
                _LOG.info("%s/%s: listing broke off: %s", self.address, prefix, _said(error))
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
                    for start in range(0, item.size, PIECE_BYTES):
                        options = {"range": (start, min(start + PIECE_BYTES, item.size)), **({"if_match": item.etag} if item.etag else {})}
                        file.write(self._tried(key, partial(self._piece, key, options)))
                return
            except PreconditionError:
                continue  # it was overwritten meanwhile: take what is there now
        raise StoreLost(f"{self.address}/{key}: is overwritten again and again while it is read")

    def probe(self) -> float:
        """Make sure that create-only writes are kept; the seconds that the store's clock is ahead of ours.

        Raises SettingsError for a store that overwrites in spite of the condition: two workers would take one shard. Raises StoreLost.
        """
        key = f"probe/{secrets.token_hex(8)}"
        try:
            first = self.create(key, b"one")
            refused = not self.create(key, b"two")
            kept = self.read(key) == b"one"
            ahead = self.head(key).modified - time.time()
        finally:
            self.remove(key)
        if not (first and refused and kept):
            raise SettingsError(f"{self.address}: overwrites what must not be overwritten (no conditional writes); use another store")
        return ahead

    def _piece(self, key: str, options: Any) -> Any:
        import obstore

        return obstore.get(self._inner, key, options=options).bytes()

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
                if any(words in str(error) for words in NO_BUCKET):
                    raise StoreLost(f"{self.address}: there is no such bucket") from error
                raise Missing(f"{self.address}/{key}: there is no such object") from error
            except UnauthenticatedError as error:
                raise StoreLost(f"{self.address}: does not let us in: {_said(error)}; check the credentials") from error
            except (PermissionError, PermissionDeniedError) as error:
                if any(code in str(error) for code in EXPIRED):
                    raise StoreLost(f"{self.address}: does not let us in: {_said(error)}; check the credentials") from error
                raise Barred(f"{self.address}/{key}: {_said(error)}") from error
            except (BaseError, OSError) as error:
                if _is_full(error):
                    raise OutputError(f"{self.address}: cannot be written: no space left on the device; nothing was lost") from error
                if attempt == self._tries:
                    raise StoreLost(f"{self.address}: does not answer: {_said(error)}; the run can go on when it does") from error
                _LOG.info("%s/%s: try %d failed: %s", self.address, key, attempt, _said(error))
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
        path = os.path.abspath(address.removeprefix("file://"))
        if not make and not os.path.isdir(path):
            raise SettingsError(f"{address}: there is no such folder")
        with telling(path):
            os.makedirs(path, exist_ok=True)
        return Store(LocalStore(path), path, TRIES)
    plain = require_plain(address)
    limits: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
    try:
        return Store(from_url(plain, retry_config=limits, client_options={"timeout": "60s", "allow_http": _allows_http()}), plain, TRIES)
    except (BaseError, ValueError, OSError) as error:
        raise SettingsError(f"{plain}: names no store: {_said(error)}") from error


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


def _is_full(error: BaseException) -> bool:
    return "os error 28" in str(error) or getattr(error, "errno", None) == 28


def _said(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _item(entry: Any) -> Item:
    return Item(entry["path"], int(entry["size"]), entry["e_tag"] or "", entry["last_modified"].timestamp())
