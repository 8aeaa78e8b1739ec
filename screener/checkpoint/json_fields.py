"""JSON values -> dataclasses, strictly: each missing, unknown, wrongly typed or non-finite field is refused by name.

Driven only by the type hints of the dataclass. Does not know what any field means; the dataclass itself checks ranges.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from screener.errors import CheckpointError

DEEPEST = 16
"""Maximum nesting of free-form values; deeper ones would be an attempt to exhaust the stack."""


_quote = reprlib.Repr()
_quote.maxstring = _quote.maxother = 100


def refuse(field: str, expected: str, actual: object) -> NoReturn:
    """Raise the CheckpointError for a wrong field; `actual` is quoted, shortened and with control characters escaped."""
    raise CheckpointError(f"{field}: expected {expected}, got {_quote.repr(actual)}")


def read(field: str, hint: Any, value: Any) -> Any:
    """A JSON value converted to the type `hint`; `field` is its dotted name in messages.

    Supports dataclasses, tuples of fixed and open length, dicts, str, int, float, bool and Any. Raises CheckpointError.
    """
    if is_dataclass(hint):
        return _read_dataclass(field, hint, value)
    origin = get_origin(hint)
    if origin is tuple:
        return _read_tuple(field, get_args(hint), value)
    if origin is dict:
        if not isinstance(value, dict):
            refuse(field, "an object", value)
        inner = get_args(hint)[1]
        return {_read_plain(f"{field}: name", str, key): read(f"{field}.{key}", inner, item) for key, item in value.items()}
    return _read_any(field, value, DEEPEST) if hint is Any else _read_plain(field, hint, value)


def to_plain(value: Any) -> Any:
    """A dataclass, tuple, list, dict or plain value -> JSON types only, tuples as lists."""
    if is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def _read_dataclass(field: str, kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        refuse(field, "an object", value)
    names = [f.name for f in fields(kind)]
    prefix = f"{field}." if field else ""
    missing = [name for name in names if name not in value]
    if missing:
        raise CheckpointError(f"{prefix}{missing[0]}: missing")
    unknown = sorted(set(value) - set(names))
    if unknown:
        raise CheckpointError(f"{prefix}{_quote.repr(unknown[0])}: unknown field; known are {', '.join(names)}")
    hints = get_type_hints(kind)
    read_fields = {name: read(prefix + name, hints[name], value[name]) for name in names}
    try:
        return kind(**read_fields)
    except ValueError as error:
        raise CheckpointError(f"{prefix}{error}") from error


def _read_tuple(field: str, hints: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        refuse(field, "a list", value)
    if hints[-1] is Ellipsis:
        hints = hints[:1] * len(value)
    if len(value) != len(hints):
        refuse(field, f"a list of {len(hints)}", value)
    return tuple(read(f"{field}[{i}]", hint, item) for i, (hint, item) in enumerate(zip(hints, value, strict=True)))


def _read_plain(field: str, kind: type, value: Any) -> Any:
    if kind is float:
        return _read_number(field, value)
    if kind is str:
        # Control characters could change what the terminal shows; lone surrogates cannot be printed at all.
        if not isinstance(value, str) or not value.replace("\n", "").replace("\t", "").isprintable():
            refuse(field, "printable text", value)
    elif type(value) is not kind:
        refuse(field, {int: "a whole number", bool: "true or false"}[kind], value)
    return value


def printable(name: str) -> str:
    """A file's or folder's name as text that a contract may contain: a space for each character that cannot be printed."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split()) or "unnamed"


def _read_number(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        refuse(field, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        refuse(field, "a finite number", value)
    return number


def _read_any(field: str, value: Any, depth: int) -> Any:
    """Free-form values: any JSON, checked down to the leaves."""
    if depth == 0:
        refuse(field, f"at most {DEEPEST} levels", value)
    if isinstance(value, dict):
        return {_read_plain(f"{field}: name", str, key): _read_any(f"{field}.{key}", item, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_read_any(f"{field}[{i}]", item, depth - 1) for i, item in enumerate(value)]
    if isinstance(value, str):
        return _read_plain(field, str, value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value
    return _read_number(field, value)
