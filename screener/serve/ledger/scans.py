"""Scans in the ledger: accepted, taken by a worker, given back when it died, done, cancelled, erased.

A scan is `queued`, then `running`, then `done` or `cancelled`; one whose worker died is queued again, at its old place.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from screener.serve.ledger.database import Database

MOST_DEATHS = 3
"""Workers that may die over one scan; the third is the scan's verdict."""

NOT_YET = 1e15
"""When a callback is due whose scan has no verdict."""

_CALL_BACK = "INSERT INTO outbox (message_id, scan_id, url, created, due) VALUES (?, ?, ?, ?, ?)"

MOST_ATTEMPTS = 10
"""Times that a scan is begun at all: ends of the whole server say little of a scan, but ten of them with the same one do."""


@dataclass(frozen=True)
class NewScan:
    """What is to be judged. kind: `upload`, `url` or `path`. target: file name in the folder of uploads, address, or path.

    name: how the verdict calls it. changes: settings that differ from the server's. content: by which it is known again, None where it
    cannot be. upload_id: of the upload that becomes this scan.
    """

    kind: str
    target: str
    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    size_bytes: int | None = None
    sha256: str | None = None
    content: str | None = None
    callback_url: str | None = None
    upload_id: str | None = None


@dataclass(frozen=True)
class Scan:
    """A row of the ledger. Times are seconds since 1970. facts: what the verdict rests on besides the input. summary: of the verdict."""

    number: int
    id: str
    state: str
    name: str
    kind: str
    target: str | None
    size_bytes: int | None
    sha256: str | None
    content: str | None
    changes: dict[str, Any]
    attempts: int
    deaths: int
    created: float
    started: float | None
    finished: float | None
    kept: bool
    facts: str | None
    outcome: str | None
    summary: dict[str, Any] | None
    crops: int
    thumbnail: bool


class Scans:
    """The scans of one ledger. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, new: NewScan) -> Scan:
        """Queue a scan; it is on the disk when this returns."""
        scan_id = uuid4().hex
        with self._database.write() as connection:
            row = connection.execute(
                "INSERT INTO scans (id, state, name, kind, target, size_bytes, sha256, content, changes, created)"
                " VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (
                    scan_id, new.name, new.kind, new.target, new.size_bytes, new.sha256, new.content, json.dumps(new.changes),
                    time.time(),
                ),
            ).fetchone()  # fmt: skip
            if new.callback_url is not None:
                connection.execute(_CALL_BACK, (f"msg_{uuid4().hex}", scan_id, new.callback_url, time.time(), NOT_YET))
            if new.upload_id is not None:
                connection.execute("UPDATE uploads SET scan_id = ? WHERE id = ?", (scan_id, new.upload_id))
        return _scan(row)

    def known(self, content: str, facts: str | None) -> Scan | None:
        """The newest scan of the same content and settings that is under way, or done on the same facts."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT * FROM scans WHERE content = ? AND (state IN ('queued', 'running') OR (state = 'done' AND facts IS ?))"
                " ORDER BY number DESC LIMIT 1",
                (content, facts),
            ).fetchone()
        return _scan(row) if row else None

    def has(self, content: str) -> bool:
        """Whether a scan of the same content and settings was done, on whatever facts."""
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM scans WHERE content = ? AND state = 'done'", (content,)).fetchone() is not None

    def take(self) -> Scan | None:
        """The scan that has waited longest, from now on running; None where none waits."""
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE scans SET state = 'running', attempts = attempts + 1, started = ?"
                " WHERE number = (SELECT min(number) FROM scans WHERE state = 'queued') RETURNING *",
                (time.time(),),
            ).fetchone()
        return _scan(row) if row else None

    def give_back(self, scan_id: str, death: bool) -> Scan | None:
        """Its worker has ended before it was judged: queued again, if it was not cancelled meanwhile. death: whether that is counted."""
        return self._changed("state = 'queued', deaths = deaths + ?", "running", scan_id, int(death))

    def finish(self, scan_id: str, document: str, summary: dict[str, Any], facts: str, kept: bool) -> Scan | None:
        """Its verdict, once and for all; None, and nothing kept, where it was cancelled or erased meanwhile.

        document: the JSON that is given out, byte for byte. summary: with `outcome`, `sha256`, `crops` and `thumbnail` among its fields.
        """
        rest = dict(summary)
        sha256, crops, thumbnail = rest.pop("sha256", None), rest.pop("crops"), rest.pop("thumbnail")
        now = time.time()
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE scans SET state = 'done', finished = ?, outcome = ?, summary = ?, sha256 = coalesce(?, sha256), crops = ?,"
                " thumbnail = ?, facts = ?, kept = ?, target = CASE WHEN ? THEN target END WHERE id = ? AND state = 'running' RETURNING *",
                (now, rest["outcome"], json.dumps(rest), sha256, crops, thumbnail, facts, kept, kept, scan_id),
            ).fetchone()
            if row is None:
                return None
            connection.execute("INSERT OR REPLACE INTO verdicts (scan_id, document) VALUES (?, ?)", (scan_id, document))
            connection.execute("UPDATE outbox SET created = ?, due = ? WHERE scan_id = ?", (now, now, scan_id))
        return _scan(row)

    def cancel(self, scan_id: str) -> Scan | None:
        """No longer to be judged; None where it was not queued or running."""
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE scans SET state = 'cancelled', finished = ?, target = NULL"
                " WHERE id = ? AND state IN ('queued', 'running') RETURNING *",
                (time.time(), scan_id),
            ).fetchone()
            if row is not None:
                connection.execute("DELETE FROM outbox WHERE scan_id = ?", (scan_id,))
        return _scan(row) if row else None

    def call_back(self, scan_id: str, url: str) -> None:
        """Tell a further address of the verdict of a scan, at once where that is there already."""
        now = time.time()
        with self._database.write() as connection:
            row = connection.execute("SELECT state FROM scans WHERE id = ?", (scan_id,)).fetchone()
            if row is not None:
                due = now if row["state"] == "done" else NOT_YET
                connection.execute(_CALL_BACK, (f"msg_{uuid4().hex}", scan_id, url, now, due))

    def erase(self, scan_id: str) -> bool:
        """Away with all rows of a scan; False where there is none."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM uploads WHERE scan_id = ?", (scan_id,))
            return connection.execute("DELETE FROM scans WHERE id = ?", (scan_id,)).rowcount > 0

    def requeue_all(self) -> None:
        """At the start of a server: what was running when the last one ended waits again."""
        with self._database.write() as connection:
            connection.execute("UPDATE scans SET state = 'queued' WHERE state = 'running'")

    def find(self, scan_id: str) -> Scan | None:
        """The scan of that name, None where there is none."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM scans WHERE id = ?", (scan_id,)).fetchone()
        return _scan(row) if row else None

    def document(self, scan_id: str) -> str | None:
        """The verdict as it is given out, None where there is none yet."""
        with self._database.read() as connection:
            row = connection.execute("SELECT document FROM verdicts WHERE scan_id = ?", (scan_id,)).fetchone()
        return str(row[0]) if row else None

    def waiting(self) -> int:
        """How many scans are queued."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM scans WHERE state = 'queued'").fetchone()[0])

    def position(self, scan: Scan) -> int | None:
        """Place in the queue, from 1; None for a scan that is not queued."""
        if scan.state != "queued":
            return None
        with self._database.read() as connection:
            row = connection.execute("SELECT count(*) FROM scans WHERE state = 'queued' AND number <= ?", (scan.number,)).fetchone()
        return int(row[0])

    def under_way(self) -> list[Scan]:
        """What is queued or running, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM scans WHERE state IN ('queued', 'running') ORDER BY number").fetchall()
        return [_scan(row) for row in rows]

    def page(self, state: str | None, outcome: str | None, text: str | None, before: int | None, limit: int) -> tuple[list[Scan], int]:
        """(scans from the newest on, how many there are in all) of one state, outcome and piece of a name, each None for any.

        before: number of the last scan of the page before.
        """
        pattern = None if not text else "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        wanted = {"state = ?": state, "outcome = ?": outcome, "name LIKE ? ESCAPE '\\'": pattern}
        chosen = {clause: value for clause, value in wanted.items() if value is not None}
        where = " AND ".join(chosen) or "1"
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT * FROM scans WHERE {where} AND number < ? ORDER BY number DESC LIMIT ?",
                (*chosen.values(), before if before is not None else 1 << 62, limit),
            ).fetchall()
            total = connection.execute(f"SELECT count(*) FROM scans WHERE {where}", tuple(chosen.values())).fetchone()[0]
        return [_scan(row) for row in rows], int(total)

    def finished_before(self, moment: float) -> list[str]:
        """IDs of the scans that ended before a moment."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT id FROM scans WHERE state IN ('done', 'cancelled') AND finished < ?", (moment,)).fetchall()
        return [row[0] for row in rows]

    def places(self) -> tuple[list[str], list[str]]:
        """(IDs of all scans, names of the files in the folder of uploads that one of them still needs)."""
        with self._database.read() as connection:
            ids = [row[0] for row in connection.execute("SELECT id FROM scans")]
            files = [row[0] for row in connection.execute("SELECT target FROM scans WHERE kind = 'upload' AND target IS NOT NULL")]
        return ids, files

    def counts(self) -> dict[str, int]:
        """State -> how many scans are in it."""
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute("SELECT state, count(*) FROM scans GROUP BY state")}

    def _changed(self, change: str, state: str, scan_id: str, *values: Any) -> Scan | None:
        with self._database.write() as connection:
            row = connection.execute(
                f"UPDATE scans SET {change} WHERE id = ? AND state = ? RETURNING *", (*values, scan_id, state)
            ).fetchone()
        return _scan(row) if row else None


def _scan(row: sqlite3.Row) -> Scan:
    values = dict(row)
    values["changes"] = json.loads(values["changes"])
    values["summary"] = json.loads(values["summary"]) if values["summary"] else None
    return Scan(**{**values, "kept": bool(values["kept"]), "thumbnail": bool(values["thumbnail"])})
