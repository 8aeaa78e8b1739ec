"""Scans in the ledger, and their states.

A scan is `queued`, then `running`, then `done` or `cancelled`; if its worker dies, it is queued again at its old place.
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
"""Number of workers that may die while judging one scan, before it gets a verdict that says so."""

NOT_YET = 1e15
"""`due` of a callback whose scan has no verdict yet."""

_CALL_BACK = "INSERT INTO outbox (message_id, scan_id, url, created, due) VALUES (?, ?, ?, ?, ?)"

MOST_ATTEMPTS = 10
"""Most times a scan is started: a single stop of the server need not be the scan's fault, but ten during the same scan are suspicious."""


@dataclass(frozen=True)
class NewScan:
    """A scan to queue. kind: `upload`, `url` or `path`. target: file name in the folder of uploads, address, or path.

    name: the input's name in the verdict. changes: settings that differ from the server's. content: key by which equal content is
    recognised, None if that is impossible. upload_id: of the upload that becomes this scan.
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
    """A row of the ledger. Times are seconds since 1970. facts: what the verdict depends on besides the input. summary: of the verdict."""

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
        """Queue a scan. It is on the disk when this returns."""
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
        """The newest scan of this content that is queued or running, or that is done with the same facts."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT * FROM scans WHERE content = ? AND (state IN ('queued', 'running') OR (state = 'done' AND facts IS ?))"
                " ORDER BY number DESC LIMIT 1",
                (content, facts),
            ).fetchone()
        return _scan(row) if row else None

    def has(self, content: str) -> bool:
        """Whether a scan of this content is done, with any facts."""
        with self._database.read() as connection:
            return connection.execute("SELECT 1 FROM scans WHERE content = ? AND state = 'done'", (content,)).fetchone() is not None

    def take(self) -> Scan | None:
        """Set the oldest queued scan to running and return it; None if none is queued."""
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE scans SET state = 'running', attempts = attempts + 1, started = ?"
                " WHERE number = (SELECT min(number) FROM scans WHERE state = 'queued') RETURNING *",
                (time.time(),),
            ).fetchone()
        return _scan(row) if row else None

    def give_back(self, scan_id: str, death: bool) -> Scan | None:
        """Queue a scan again, unless it was cancelled. death: whether its worker ended; else this start does not count as an attempt."""
        return self._changed(
            "state = 'queued', deaths = deaths + ?, attempts = attempts - ?", "running", scan_id, int(death), int(not death)
        )

    def finish(self, scan_id: str, document: str, summary: dict[str, Any], facts: str, kept: bool) -> Scan | None:
        """Store a scan's verdict. None, with nothing stored, if it was cancelled or erased.

        document: the JSON to serve, byte for byte. summary: has at least `outcome`, `sha256`, `crops` and `thumbnail`.
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
        """Cancel a scan; None if it is not queued or running."""
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
        """Add a callback to a scan, due immediately if it has a verdict."""
        now = time.time()
        with self._database.write() as connection:
            row = connection.execute("SELECT state FROM scans WHERE id = ?", (scan_id,)).fetchone()
            if row is not None:
                due = now if row["state"] == "done" else NOT_YET
                connection.execute(_CALL_BACK, (f"msg_{uuid4().hex}", scan_id, url, now, due))

    def erase(self, scan_id: str) -> bool:
        """Delete all rows of a scan; False if there is none."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM uploads WHERE scan_id = ?", (scan_id,))
            return connection.execute("DELETE FROM scans WHERE id = ?", (scan_id,)).rowcount > 0

    def requeue_all(self) -> None:
        """Queue all running scans again, at the start of a server."""
        with self._database.write() as connection:
            connection.execute("UPDATE scans SET state = 'queued' WHERE state = 'running'")

    def find(self, scan_id: str) -> Scan | None:
        """The scan with this ID, or None."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM scans WHERE id = ?", (scan_id,)).fetchone()
        return _scan(row) if row else None

    def document(self, scan_id: str) -> str | None:
        """The verdict's JSON as it is served, None if there is none yet."""
        with self._database.read() as connection:
            row = connection.execute("SELECT document FROM verdicts WHERE scan_id = ?", (scan_id,)).fetchone()
        return str(row[0]) if row else None

    def waiting(self) -> int:
        """Number of queued scans."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM scans WHERE state = 'queued'").fetchone()[0])

    def position(self, scan: Scan) -> int | None:
        """Place in the queue, from 1; None for a scan that is not, or no longer, queued."""
        if scan.state != "queued":
            return None
        with self._database.read() as connection:
            row = connection.execute("SELECT count(*) FROM scans WHERE state = 'queued' AND number <= ?", (scan.number,)).fetchone()
        return int(row[0]) or None

    def under_way(self) -> list[Scan]:
        """The scans that are queued or running, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM scans WHERE state IN ('queued', 'running') ORDER BY number").fetchall()
        return [_scan(row) for row in rows]

    def page(self, state: str | None, outcome: str | None, text: str | None, before: int | None, limit: int) -> tuple[list[Scan], int]:
        """(scans, the newest first, total number) filtered by state, outcome and part of a name, each None for any.

        state: also `ended`, for done or cancelled. before: number of the last scan of the previous page.
        """
        # Not LIKE, which knows no capitals but those of English, and ends a pattern at a NUL character.
        states = "state IN ('done', 'cancelled') AND ? = 'ended'" if state == "ended" else "state = ?"
        wanted = {states: state, "outcome = ?": outcome, "instr(casefold(name), ?)": text.casefold() if text else None}
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
        """IDs of the scans that finished before a time."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT id FROM scans WHERE state IN ('done', 'cancelled') AND finished < ?", (moment,)).fetchall()
        return [row[0] for row in rows]

    def places(self) -> tuple[list[str], list[str]]:
        """(IDs of all scans, names of the uploaded files that they still need)."""
        with self._database.read() as connection:
            ids = [row[0] for row in connection.execute("SELECT id FROM scans")]
            files = [row[0] for row in connection.execute("SELECT target FROM scans WHERE kind = 'upload' AND target IS NOT NULL")]
        return ids, files

    def counts(self) -> dict[str, int]:
        """State -> number of scans."""
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
