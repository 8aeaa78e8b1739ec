"""Times in the form used in documents."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from screener.runtime.moments import begun_at


def test_a_moment_is_that_long_ago_in_utc() -> None:
    text = begun_at(3600)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    assert 3600 <= (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds() < 3700
