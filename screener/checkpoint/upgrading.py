"""Contracts of older formats -> the present one, a version at a time. Knows their JSON; what it means is the contract's business.

Version 1 held every channel of a network, copies or not, and no hash of its own: `store` looks for its copies and checks its fingerprint.
Version 2 holds each distinct channel once, says how often it stands in the network, and carries the hash of what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from screener.checkpoint.json_fields import refuse, to_plain
from screener.model.widening import NO_COPIES

FORMAT_VERSION = 2
"""Version of the contract's fields and of the way tensors are stored."""


def _from_1(values: dict[str, Any]) -> dict[str, Any]:
    """The stem got a width of its own, which was that of the outer channels before."""
    shape = values.get("architecture")
    whole = {"architecture": {"stem_width": shape.get("outer_width"), **shape}} if isinstance(shape, dict) else {}
    return {**values, **whole, "copies": to_plain(NO_COPIES)}


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
"""Version -> what makes the next one of a contract."""


def upgraded(values: dict[str, Any]) -> dict[str, Any]:
    """A contract as JSON gives it -> the same in the present format. Raises CheckpointError for a version that is not known."""
    version = values["format_version"]
    if type(version) is not int or version not in (*UPGRADES, FORMAT_VERSION):
        known = " or ".join(map(str, (*UPGRADES, FORMAT_VERSION)))
        refuse("format_version", f"{known}, which this screener reads (another needs another version of screener)", version)
    for step in range(version, FORMAT_VERSION):
        values = {**UPGRADES[step](values), "format_version": step + 1}
    return values
