"""Callbacks in the ledger that are still to be delivered; they are entered with the verdict that they tell of."""

from __future__ import annotations

import time
from dataclasses import dataclass

from screener.serve.ledger.database import Database


@dataclass(frozen=True)
class Message:
    """message_id: the same at every attempt. due: when the next one is to be made. Times are seconds since 1970."""

    number: int
    message_id: str
    scan_id: str
    url: str
    created: float
    attempts: int
    due: float


class Outbox:
    """The messages of one ledger. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, limit: int) -> list[Message]:
        """What is to be sent by now, the longest overdue first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM outbox WHERE due <= ? ORDER BY due LIMIT ?", (time.time(), limit)).fetchall()
        return [Message(**dict(row)) for row in rows]

    def next_due(self) -> float | None:
        """When the next message is to be sent; None where there is none."""
        with self._database.read() as connection:
            found = connection.execute("SELECT min(due) FROM outbox").fetchone()[0]
        return None if found is None else float(found)

    def postpone(self, number: int, due: float) -> None:
        """An attempt failed; the next one is due then."""
        with self._database.write() as connection:
            connection.execute("UPDATE outbox SET attempts = attempts + 1, due = ? WHERE number = ?", (due, number))

    def remove(self, number: int) -> None:
        """Delivered, or given up."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM outbox WHERE number = ?", (number,))
