"""Events of a live watch -> JSON lines. `live_schema.json` beside this file describes them.

Knows the events as records only: what they carry is decided where they arise.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from screener.watching.records import LiveEvent


def event_line(event: LiveEvent) -> str:
    """One event as one line of ASCII, without its end. What is not a finite number becomes null; NumPy's scalars become plain ones."""
    return json.dumps(_plain(event.to_dict()), ensure_ascii=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
