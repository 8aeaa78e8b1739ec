"""Converts contracts of older formats to the present one, a version at a time. Knows their JSON; `contract` knows its meaning.

Version 1 stored every channel of a network, copies or not, and no hash: `store` searches for its copies and checks its fingerprint. Version
2 stores each distinct channel once, with how often it occurs in the network, and the hash of what was written. Version 3 says whether crops
are scored relative to a recompressed copy, version 4 also how large that copy is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from screener.checkpoint.json_fields import refuse, to_plain
from screener.model.copies import NO_COPIES
from screener.model.reference import NO_REFERENCE

FORMAT_VERSION = 4
"""Version of the contract's fields and of the storage of tensors."""

SEALED_SINCE = 2
"""First version that stores distinct channels and the hash of what was written."""


def _from_1(values: dict[str, Any]) -> dict[str, Any]:
    """Adds the width of the stem, which used to be that of the outer channels."""
    shape = values.get("architecture")
    whole = {"architecture": {"stem_width": shape.get("outer_width"), **shape}} if isinstance(shape, dict) else {}
    return {**values, **whole, "copies": to_plain(NO_COPIES)}


def _from_2(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "reference": to_plain(NO_REFERENCE)}


def _from_3(values: dict[str, Any]) -> dict[str, Any]:
    reference = values.get("reference")
    return {**values, "reference": {"side": 0, **reference}} if isinstance(reference, dict) else values


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2, 3: _from_3}
"""Version -> function that converts a contract to the next version."""


def upgraded(values: dict[str, Any]) -> dict[str, Any]:
    """A contract as JSON -> the same in the present format. Raises CheckpointError for an unknown version."""
    version = values["format_version"]
    if type(version) is not int or version not in (*UPGRADES, FORMAT_VERSION):
        known = f"{', '.join(map(str, UPGRADES))} or {FORMAT_VERSION}"
        refuse("format_version", f"{known}, which this screener reads (another needs another version of screener)", version)
    for step in range(version, FORMAT_VERSION):
        values = {**UPGRADES[step](values), "format_version": step + 1}
    return values
