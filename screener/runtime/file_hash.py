"""SHA-256 and size of a file; the hash directly, or in a thread beside other work. Knows bytes, not media."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

_BLOCK_BYTES = 1 << 20


def sha256_of(path: Path) -> str | None:
    """SHA-256 of a regular file's bytes, or None when it cannot be read."""
    if not os.path.isfile(path):  # unlike `Path.is_file`, False also where the folder may not be entered or the name is too long
        return None  # opening a pipe would block until someone writes to it, and a device has no end
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def size_of_hashed(sha256: str | None, path: Path | None) -> int | None:
    """Bytes of the file with this hash, or None when it was not hashed or cannot be asked."""
    if sha256 is None or path is None:
        return None
    try:
        return os.stat(path).st_size
    except OSError:
        return None


class HashAhead:
    """Hashes a file in a thread of its own, starting now; `close` abandons it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._hash: str | None = None
        self._given_up = threading.Event()
        self._worker: threading.Thread | None = None
        if path is not None and os.path.isfile(path):
            self._worker = threading.Thread(target=self._work, args=(path,), name="file-hash", daemon=True)
            self._worker.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the hash is done, or for at most `seconds`."""
        if self._worker is not None:
            self._worker.join(seconds)

    def result(self) -> str | None:
        """The hash; None if the file could not be read, or if it has not been read to its end yet."""
        return self._hash

    def close(self) -> None:
        """Abandon an unfinished hash without waiting for the thread."""
        self._given_up.set()

    def _work(self, path: Path) -> None:
        digest = hashlib.sha256()
        try:
            with path.open("rb", buffering=0) as file:
                while block := file.read(_BLOCK_BYTES):
                    if self._given_up.is_set():
                        return
                    digest.update(block)
        except OSError:
            return
        self._hash = digest.hexdigest()
