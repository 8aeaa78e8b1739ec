"""Times in the format of reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def begun_at(seconds_ago: float) -> str:
    """The time `seconds_ago` before now: ISO 8601 in UTC, to the second, such as `2026-11-29T02:11:03Z`."""
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat(timespec="seconds").replace("+00:00", "Z")
