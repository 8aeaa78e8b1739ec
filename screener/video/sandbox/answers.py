"""What the decoding process says of a file's origin, taken for what it should be and for nothing else. Pure.

A hostile file may have made the process say anything: values of another kind are left out, and texts are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MOST_ENTRIES, LONGEST_TEXT = 40, 200

_FLAG, _TEXT, _TEXTS, _COUNT = "flag", "text", "texts", "count"
_SHAPE = {
    "c2pa": {
        "checked": _FLAG, "present": _FLAG, "intact": _FLAG, "trusted": _FLAG, "remote": _FLAG, "note": _TEXT, "signer": _TEXT,
        "signed_at": _TEXT, "tool": _TEXT, "actions": _TEXTS, "source_types": _TEXTS, "problems": _TEXTS,
    },
    "container": {
        "format": _TEXT, "encoder": _TEXT, "camera": _TEXT, "created": _TEXT, "edit_list_entries": _COUNT, "has_place": _FLAG,
    },
}  # fmt: skip


def checked_origin(answer: Any) -> dict[str, Any]:
    """The two parts with every key, those that were not said as None, "" or []; empty where nothing was said."""
    if not isinstance(answer, dict) or not any(isinstance(answer.get(part), dict) for part in _SHAPE):
        return {}
    found: dict[str, Any] = {}
    for part, shape in _SHAPE.items():
        said = answer.get(part)
        found[part] = {name: _KINDS[kind](said.get(name) if isinstance(said, dict) else None) for name, kind in shape.items()}
    return found


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in value[:MOST_ENTRIES] if _text(item)] if isinstance(value, list) else []


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


_KINDS: dict[str, Callable[[Any], Any]] = {_FLAG: _flag, _TEXT: _text, _TEXTS: _texts, _COUNT: _count}
