"""Sessions in the ledger: who has signed in, by the hash of the cookie, so that the ledger holds no cookie that opens anything."""

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
        """A new session: the value of its cookie."""
        cookie = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            connection.execute("DELETE FROM sessions WHERE expires < ?", (time.time(),))
            connection.execute("INSERT INTO sessions (digest, expires) VALUES (?, ?)", (_digest(cookie), time.time() + LASTS_SECONDS))
        return cookie

    def knows(self, cookie: str) -> bool:
        """Whether a cookie is that of a session that lasts."""
        with self._database.read() as connection:
            row = connection.execute("SELECT 1 FROM sessions WHERE digest = ? AND expires >= ?", (_digest(cookie), time.time())).fetchone()
        return row is not None

    def end(self, cookie: str) -> None:
        """The cookie opens nothing any more."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM sessions WHERE digest = ?", (_digest(cookie),))


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()
