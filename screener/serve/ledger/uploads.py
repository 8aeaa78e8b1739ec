"""Uploads in the ledger: how much of each file was received, and the scan created from it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import uuid4

from screener.serve.ledger.database import Database

KEPT_SECONDS = 24 * 3600.0
"""Seconds after which an upload without a scan is removed."""


@dataclass(frozen=True)
class Upload:
    """received: bytes on the disk. file: name in the folder of uploads. sha256: once complete. scan_id: of the scan created from it."""

    id: str
    name: str
    length: int
    received: int
    created: float
    file: str
    sha256: str | None
    scan_id: str | None

    @property
    def expires(self) -> float:
        """Time of removal, in seconds since 1970."""
        return self.created + KEPT_SECONDS


class Uploads:
    """The uploads of one ledger. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, length: int, suffix: str) -> Upload:
        """Create an empty upload."""
        upload_id = uuid4().hex
        upload = Upload(upload_id, name, length, 0, time.time(), upload_id + suffix, None, None)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO uploads (id, name, length, created, file) VALUES (?, ?, ?, ?, ?)",
                (upload.id, name, length, upload.created, upload.file),
            )
        return upload

    def find(self, upload_id: str) -> Upload | None:
        """The upload with this ID, or None."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM uploads WHERE id = ?", (upload_id,)).fetchone()
        return Upload(**dict(row)) if row else None

    def grown(self, upload_id: str, received: int, sha256: str | None) -> None:
        """Record the bytes on the disk. sha256: of the file, once it is complete."""
        with self._database.write() as connection:
            connection.execute("UPDATE uploads SET received = ?, sha256 = ? WHERE id = ?", (received, sha256, upload_id))

    def used(self, upload_id: str, scan_id: str) -> None:
        """Record the scan that was created from this upload, or that has the same content."""
        with self._database.write() as connection:
            connection.execute("UPDATE uploads SET scan_id = ? WHERE id = ?", (scan_id, upload_id))

    def remove(self, upload_id: str) -> None:
        """Delete the row."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))

    def expired(self) -> list[Upload]:
        """Uploads older than KEPT_SECONDS."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM uploads WHERE created < ?", (time.time() - KEPT_SECONDS,)).fetchall()
        return [Upload(**dict(row)) for row in rows]

    def open_files(self) -> list[str]:
        """Names of the files without a scan."""
        with self._database.read() as connection:
            return [row[0] for row in connection.execute("SELECT file FROM uploads WHERE scan_id IS NULL")]

    def open_count(self) -> tuple[int, int]:
        """(number of uploads without a scan, bytes still to be received for all of them)."""
        with self._database.read() as connection:
            row = connection.execute("SELECT count(*), coalesce(sum(length - received), 0) FROM uploads WHERE scan_id IS NULL").fetchone()
        return int(row[0]), int(row[1])
