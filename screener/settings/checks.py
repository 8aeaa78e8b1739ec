"""Shared by all settings: the choices of device and dtype, and checks whose errors quote the expected and the actual value."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from screener.errors import SettingsError

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16")
DECODERS = ("auto", "cpu", "cuda")

HIGHEST_SEED = 2**63 - 1
"""PyTorch's generators take no higher one."""


def at_least(name: str, value: int, lowest: int) -> None:
    """Raise SettingsError unless `value` is an integer of at least `lowest`; True and False are not accepted."""
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise SettingsError(f"{name}: expected a whole number of at least {lowest}, got {value!r}")


def random_seed(value: int) -> None:
    """Raise SettingsError unless `value` is a whole number that all random generators take."""
    at_least("seed", value, 0)
    if value > HIGHEST_SEED:
        raise SettingsError(f"seed: expected a whole number of at most {HIGHEST_SEED}, got {value!r}")


def above_zero(name: str, value: float | None) -> None:
    """Raise SettingsError unless `value` is None or a finite number above 0."""
    if value is not None and not (is_number(value) and 0 < value < float("inf")):
        raise SettingsError(f"{name}: expected a number above 0, got {value!r}")


def is_number(value: Any) -> bool:
    """Whether it is an int or a float; False for True and False."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def within(name: str, value: float, lowest: float, highest: float) -> None:
    """Raise SettingsError unless `value` is between `lowest` and `highest`, both included; infinity is never accepted."""
    if not (is_number(value) and lowest <= value <= highest and value < float("inf")):
        raise SettingsError(f"{name}: expected a number from {lowest:g} to {highest:g}, got {value!r}")


def share(name: str, value: float) -> None:
    """Raise SettingsError unless `value` is at least 0 and below 1."""
    if not (is_number(value) and 0 <= value < 1):
        raise SettingsError(f"{name}: expected a share from 0 to below 1, got {value!r}")


def one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise SettingsError unless `value` is one of `choices`."""
    if value not in choices:
        raise SettingsError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def require_known(kind: Any, values: dict[str, Any]) -> None:
    """Raise SettingsError naming the keys of `values` that are not fields of the dataclass `kind`."""
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise SettingsError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
