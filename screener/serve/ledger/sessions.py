"""Sessions in the ledger. Only hashes of cookies are stored, so that the ledger contains no usable cookie."""

from __future__ import annotations

import hashlib
import secrets
import time

from screener.serve.ledger.database import Database

LASTS_SECONDS = 30 * 24 * 3600


class Sessions:
    """The sessions of one ledger. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self) -> str:
        """Create a session; returns the value of its cookie."""
        cookie = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            connection.execute("DELETE FROM sessions WHERE expires < ?", (time.time(),))
            connection.execute("INSERT INTO sessions (digest, expires) VALUES (?, ?)", (_digest(cookie), time.time() + LASTS_SECONDS))
        return cookie

    def knows(self, cookie: str) -> bool:
        """Whether a cookie belongs to a session that has not expired."""
        with self._database.read() as connection:
            row = connection.execute("SELECT 1 FROM sessions WHERE digest = ? AND expires >= ?", (_digest(cookie), time.time())).fetchone()
        return row is not None

    def end(self, cookie: str) -> None:
        """End the session of a cookie."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM sessions WHERE digest = ?", (_digest(cookie),))


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()
