"""Events of a live watch -> JSON lines, described by `live_schema.json` beside this file.

Knows events only as records; their content is decided where they are created.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from screener.watching.records import LiveEvent


def event_line(event: LiveEvent) -> str:
    """One event as one line of ASCII, without line ending. Numbers that are not finite become null; NumPy scalars become plain ones."""
    return json.dumps(_plain(event.to_dict()), ensure_ascii=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
