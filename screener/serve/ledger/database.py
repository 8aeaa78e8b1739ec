"""The database file: one connection for writing, one for reading, each used by one thread at a time. Knows the tables only."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from screener.errors import OutputError

VERSION = 1

_TABLES = """
CREATE TABLE scans (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'cancelled')),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('upload', 'url', 'path')),
    target TEXT,
    size_bytes INTEGER,
    sha256 TEXT,
    content TEXT,
    changes TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    kept INTEGER NOT NULL DEFAULT 0,
    facts TEXT,
    outcome TEXT,
    summary TEXT,
    crops INTEGER NOT NULL DEFAULT 0,
    thumbnail INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX scans_by_state ON scans (state, number);
CREATE INDEX scans_by_outcome ON scans (outcome, number);
CREATE INDEX scans_by_content ON scans (content) WHERE content IS NOT NULL;
CREATE TABLE verdicts (scan_id TEXT PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE, document TEXT NOT NULL) STRICT;
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    length INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT,
    scan_id TEXT
) STRICT;
CREATE TABLE sessions (digest TEXT PRIMARY KEY, expires REAL NOT NULL) STRICT;
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE,
    scan_id TEXT NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    created REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL
) STRICT;
CREATE INDEX outbox_by_due ON outbox (due);
"""


class Database:
    """An open ledger. Raises OutputError if the file is not a ledger, or is one of another version."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        try:
            self._writer = self._connection()
            version = self._writer.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._writer.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
            elif version != VERSION:
                raise OutputError(f"{path}: was made by another version of screener; name another folder with --state")
            self._reader = self._connection()
            self._reader.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise OutputError(f"{path}: cannot be used as a ledger: {error}; name another folder with --state") from error

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        # FULL: accepted scans survive a power cut. secure_delete: erased rows are overwritten.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction, committed and on the disk when the block ends, else rolled back. Raises sqlite3.Error."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors, and not after others: nothing could be written in an open one.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for queries; it sees everything that was committed before."""
        with self._reading:
            yield self._reader

    def forget(self) -> None:
        """Overwrite erased rows in the write-ahead log too."""
        with self._writing:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close both connections, once nothing uses them any more."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()
