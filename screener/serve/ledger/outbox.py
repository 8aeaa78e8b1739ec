"""Pending callbacks in the ledger; they become due in the transaction that stores the verdict."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from screener.serve.ledger.database import Database


@dataclass(frozen=True)
class Message:
    """A pending callback. message_id: the same for every attempt. due: time of the next attempt. Times are seconds since 1970."""

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

    def due(self, now: float, taken: Collection[int] = ()) -> list[Message]:
        """The messages that are due, the longest overdue first, without those whose numbers are in `taken`."""
        with self._database.read() as connection:
            # The numbers alone are in the index: thousands that wait for a slow receiver cost little, however often this is asked.
            numbers = [row[0] for row in connection.execute("SELECT number FROM outbox WHERE due <= ? ORDER BY due", (now,))]
            wanted = [number for number in numbers if number not in taken]
            rows = [connection.execute("SELECT * FROM outbox WHERE number = ?", (number,)).fetchone() for number in wanted]
        return [Message(**dict(row)) for row in rows if row is not None]

    def next_due(self, now: float) -> float | None:
        """The time at which the next message after those becomes due; None if there is none."""
        with self._database.read() as connection:
            found = connection.execute("SELECT min(due) FROM outbox WHERE due > ?", (now,)).fetchone()[0]
        return None if found is None else float(found)

    def postpone(self, number: int, due: float) -> None:
        """Schedule the next attempt after a failed one."""
        with self._database.write() as connection:
            connection.execute("UPDATE outbox SET attempts = attempts + 1, due = ? WHERE number = ?", (due, number))

    def remove(self, number: int) -> None:
        """Remove a message that was delivered or given up."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM outbox WHERE number = ?", (number,))
