"""The checks that records make at construction; a failure names the field and quotes the expected and the actual value.

A scan makes records for every frame and face, so each check takes only about a microsecond. Knows fields by name, and no record.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from math import inf
from typing import Any

import numpy as np


def picture(record: Any, name: str) -> None:
    """Raise ValueError unless the field is an (H, W, 3) uint8 array with at least one pixel."""
    value = getattr(record, name)
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or not value.size:
        raise _wrong(record, name, "(H, W, 3) uint8", value)


def square_picture(record: Any, name: str) -> None:
    """Raise ValueError unless the field is an (S, S, 3) uint8 array with at least one pixel."""
    picture(record, name)
    value = getattr(record, name)
    if value.shape[0] != value.shape[1]:
        raise _wrong(record, name, "(S, S, 3) uint8", value)


def floats(
    record: Any, name: str, shape: tuple[int | None, ...], dtype: type[np.floating[Any]] = np.float32, may_lack: bool = False
) -> None:
    """Raise ValueError unless the field is an array of that dtype and shape, and finite; None in the shape accepts any length.

    may_lack: NaN is allowed, for unknown values.
    """
    value = getattr(record, name)
    fits = isinstance(value, np.ndarray) and value.dtype == dtype and value.ndim == len(shape)
    if not fits or any(wanted not in (None, got) for wanted, got in zip(shape, value.shape, strict=True)):
        wanted = ", ".join("n" if length is None else str(length) for length in shape)
        raise _wrong(record, name, f"({wanted}) {np.dtype(dtype)}", value)
    if not may_lack and not np.isfinite(value).all():
        raise ValueError(f"{type(record).__name__}.{name}: expected finite numbers, got {value.tolist()}")


def finite(record: Any, *names: str) -> None:
    """Raise ValueError unless the fields are numbers, and neither NaN nor infinite."""
    for name in names:
        value = getattr(record, name)
        if not is_between(value, -inf, inf) or value in (inf, -inf):
            raise _wrong(record, name, "a finite number", value)


_RATE = re.compile(r"([1-9][0-9]*(/[1-9][0-9]*)?)?", re.ASCII)


def rate(record: Any, name: str) -> None:
    """Raise ValueError unless the field is a rate as text, such as `25` or `30000/1001`, or empty."""
    value = getattr(record, name)
    if not isinstance(value, str) or not _RATE.fullmatch(value):
        raise _wrong(record, name, "a rate such as 30000/1001, or nothing", value)


def not_negative(record: Any, *names: str) -> None:
    """Raise ValueError unless the fields are finite numbers of at least 0."""
    for name in names:
        value = getattr(record, name)
        if not is_between(value, 0, inf) or value == inf:
            raise _wrong(record, name, "a finite number of at least 0", value)


def probability(record: Any, *names: str) -> None:
    """Raise ValueError unless the fields are numbers from 0 to 1."""
    for name in names:
        value = getattr(record, name)
        if not is_between(value, 0, 1):
            raise _wrong(record, name, "a number from 0 to 1", value)


def probability_or_none(record: Any, name: str) -> None:
    """Raise ValueError unless the field is None or a number from 0 to 1."""
    if getattr(record, name) is not None:
        probability(record, name)


def interval(record: Any, name: str) -> None:
    """Raise ValueError unless the field is None or two numbers from 0 to 1, the lower one first."""
    value = getattr(record, name)
    if value is not None and not (len(value) == 2 and is_between(value[0], 0, 1) and is_between(value[1], value[0], 1)):
        raise _wrong(record, name, "None or two numbers from 0 to 1, the lower one first", value)


def size(record: Any, name: str) -> None:
    """Raise ValueError unless the field is a width and a height of at least 0."""
    value = getattr(record, name)
    if len(value) != 2 or min(value) < 0:
        raise _wrong(record, name, "width and height", value)


def one_of(record: Any, name: str, words: Collection[str]) -> None:
    """Raise ValueError unless the field is one of `words`."""
    value = getattr(record, name)
    if value not in words:
        raise _wrong(record, name, f"one of {', '.join(words)}", value)


def all_of(record: Any, name: str, words: Collection[str]) -> None:
    """Raise ValueError unless each item of the field is one of `words`."""
    values = getattr(record, name)
    if not all(value in words for value in values):
        raise _wrong(record, name, f"any of {', '.join(words)}", values)


def is_between(value: Any, lowest: float, highest: float) -> bool:
    """Whether lowest <= value <= highest; False for NaN and for anything that is not a number."""
    try:
        return bool(lowest <= value <= highest)
    except (TypeError, ValueError):  # a text, or an array
        return False


def _wrong(record: Any, name: str, expected: str, value: Any) -> ValueError:
    got = f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
    return ValueError(f"{type(record).__name__}.{name}: expected {expected}, got {got}")
